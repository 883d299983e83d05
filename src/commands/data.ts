import { InvalidArgumentError, Option, type Command } from "commander";
import { ExtractionStopped, oneOf } from "../errors.js";
import { extracts, findPreset, presets } from "../experiments/plan/presets.js";
import { shiftedExtractions } from "../experiments/plan/robustness.js";
import { withCounts } from "../features/extraction.js";
import {
  apart,
  backendOf,
  backendOption,
  examples,
  perClassCounts,
  taskNames,
  wholeNumber,
} from "./options.js";

const extractingNames = presets
  .filter(extracts)
  .map(({ name }) => name)
  .join(", ");

function extracting(name: string): string {
  if (extracts(findPreset(name))) return name;
  throw new InvalidArgumentError(`its hidden states are shipped; choose one of ${extractingNames}`);
}

/** Adds the commands that deal with raw data and hidden states. */
export function dataCommands(daam: Command, signal: AbortSignal): void {
  daam
    .command("features")
    .description("raw data → hidden states of an encoder, into data/cache/; goes on where it stopped")
    .requiredOption("--task <task>", taskNames)
    .addOption(
      new Option("--preset <preset>", `whose settings to start from: ${extractingNames}`)
        .argParser(extracting)
        .default("small"),
    )
    .option(
      "--encoder <name>",
      "a folder in the layout of Hugging Face, a name of daam encoders, or organisation/name[@revision], instead of the preset's",
    )
    .option("--data <name>", "a data set of daam data, instead of the preset's")
    .option("--normalise", "speech: zero mean and unit variance of the padded clip")
    .option("--no-normalise", "speech: the raw waveform, as the paper has it")
    .option("--max-tokens <n>", "text: the first n ids", wholeNumber)
    .option("--shift <name>", "the preset's test items after this shift: noise-20, word-drop-0.1, blur-1, …")
    .option(
      "--limit <n>",
      "the first n items of each split, instead of the preset's numbers per class",
      wholeNumber,
    )
    .option(
      "--per-class <train,test>",
      "the first so many items of every class, instead of the preset's; without the second, all test items",
      perClassCounts,
    )
    .option("--export <file>", "copy the finished file there")
    .addOption(backendOption())
    .addHelpText(
      "after",
      examples(
        "features --task text --limit 100 --export text.safetensors",
        "features --task text --per-class 750,375",
        "features --task speech --preset paper --encoder ~/wavlm-large",
        "features --task text --encoder HuggingFaceTB/SmolLM2-135M --limit 100",
      ),
    )
    .action(
      async ({
        task,
        preset,
        encoder,
        data,
        normalise,
        maxTokens,
        limit,
        perClass,
        shift,
        export: target,
        backend,
      }) => {
        // What is written survives any end, so that there is nothing to wait for.
        if (await apart(signal, new ExtractionStopped())) return;
        const { withLocalData } = await import("../experiments/run/local-data.js");
        const settled = await withLocalData(findPreset(preset));
        const budget = settled.tasks[oneOf("task", task, Object.keys(settled.tasks))]!;
        const shifted = shiftedExtractions(settled, task);
        const settings = shift ? shifted[oneOf("shift", shift, Object.keys(shifted))]! : budget.extraction!;
        const given = { encoder, dataset: data, normalise, maxTokens };
        const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
        const { makeFeatures } = await import("../features/make.js");
        const all = { ...withCounts(settings, { limit, perClass }), ...wanted };
        await makeFeatures(all, { backend: backendOf(backend), target });
      },
    );

  daam
    .command("data")
    .description(
      "find raw data in DAAM_DATA or data/raw, or fetch it; says where it lies and what to do where it cannot be had",
    )
    .argument("[names...]", "data sets; all that can be fetched when left out")
    .addHelpText("after", examples("data", "data ag-news"))
    .action(async (names: string[]) => {
      const { downloadProgress, prepareData } = await import("../datasets/index.js");
      const progress = downloadProgress();
      const { lines, ok } = await prepareData(names.length ? names : undefined, { progress });
      for (const line of lines) console.log(line);
      if (!ok) process.exitCode = 1;
    });

  daam
    .command("inspect")
    .description(
      "say what files hold: tensors, recordings, archives, tables, adapters; exit 1 where one is refused",
    )
    .argument(
      "<file...>",
      "files, folders of checkpoints and adapters, or encoders as organisation/name[@revision]",
    )
    .addHelpText(
      "after",
      examples("inspect model.safetensors train.csv recording.wav", "inspect microsoft/wavlm-base-plus"),
    )
    .action(async (paths: string[]) => {
      const { inspect } = await import("../inspect/inspect.js");
      const { lines, ok } = await inspect(paths);
      for (const line of lines) console.log(line);
      if (!ok) process.exitCode = 1;
    });
}
