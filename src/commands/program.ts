import { createRequire } from "node:module";
import { Command } from "commander";
import { endWithParent, isApart } from "../apart.js";
import { Stopped, UserError } from "../errors.js";
import { clusterCommands } from "./cluster.js";
import { dataCommands } from "./data.js";
import { encoderCommands } from "./encoders.js";
import { generativeCommands } from "./generative.js";
import {
  apart,
  backendOf,
  backendOption,
  examples,
  jobsOption,
  listOf,
  presetOption,
  scopeOf,
  scoped,
  taskNames,
  wholeNumber,
} from "./options.js";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Runs the command line; a {@link UserError} becomes one line and exit code 1. */
export async function main(argv: string[]): Promise<void> {
  const stop = new AbortController();
  // whoever reads has read enough, as `head` does
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  // Who computes for another process has no handlers: no main thread that is busy would run them.
  if (isApart()) endWithParent();
  else
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => {
        stop.abort();
        // workers end with the process, whatever it is in the middle of; who waits at a keyboard waits less for their checkpoints
        setTimeout(() => process.exit(130), signal === "SIGTERM" ? 12_000 : 3000).unref();
      });
  try {
    await program(stop.signal).parseAsync(argv);
  } catch (error) {
    const told = stop.signal.aborted && !(error instanceof Stopped) ? new Stopped() : error;
    console.error(told instanceof UserError ? `daam: ${told.message}` : told);
    process.exitCode = told instanceof Stopped ? 130 : 1;
  }
}

/** The command line; a signal ends what runs. */
export function program(signal: AbortSignal): Command {
  const daam = new Command("daam")
    .description("Density Adaptive Attention is All You Need (arXiv 2401.11143), reproduced in TypeScript")
    .version(version)
    .addHelpText(
      "after",
      examples("run --preset quick --notebooks", "cells --preset quick", "report --preset small --partial"),
    )
    .configureOutput({
      outputError: (text, write) =>
        write(`daam: ${text.replace(/^error: /, "").trim()} (see npx daam --help)
`),
    });

  scoped(daam.command("run"))
    .description("train the missing cells of a preset")
    .option("--notebooks", "then execute the notebooks and publish to results/, as make reproduce does")
    .option("--anew", "discard the finished cells of this scope and train them again")
    .option(
      "--resume",
      "first take over published cells of the same configuration (never for smoke and quick)",
    )
    .option("--lora", "train the rows of LoRA in smoke, quick and paper too, on the raw data (DAAM_LORA=1)")
    .option("--save-adapters <folder>", "copy the trained adapters there, as the peft library writes them")
    .addOption(jobsOption())
    .addOption(backendOption())
    .addHelpText(
      "after",
      examples(
        "run --preset quick --notebooks",
        "run --preset quick --task text --method no-attention,daam-v1",
      ),
    )
    .action(async (options) => {
      const { reproduce } = await import("../reproduction/reproduce.js");
      await reproduce(options.preset, {
        ...options,
        backend: backendOf(options.backend),
        scope: scopeOf(options),
        signal,
      });
    });

  scoped(daam.command("cells"))
    .description("list the cells of a preset: configuration, seconds, and whether they are finished")
    .option("--json", "whole configurations, a JSON object a line")
    .addHelpText("after", examples("cells --preset quick --task speech", "cells --preset small --json"))
    .action(async (options) => {
      const { listCells } = await import("../experiments/run/list.js");
      await listCells(options.preset, scopeOf(options), {
        json: options.json,
        write: (line) => console.log(line),
      });
    });

  daam
    .command("report")
    .description("publish the finished cells of a preset to results/<preset>/")
    .addOption(presetOption())
    .option("--partial", "also when cells are missing: the tables are marked incomplete")
    .addHelpText("after", examples("report --preset quick", "report --preset small --partial"))
    .action(async (options) => {
      const { report } = await import("../reproduction/report.js");
      console.log(`published to ${await report(options.preset, { partial: options.partial, signal })}`);
    });

  daam
    .command("tune")
    .description("compare learning rates on a held-out part of the training items, never on test items")
    .addOption(presetOption())
    .requiredOption("--task <task>", taskNames)
    .option("--rates <list>", "learning rates", listOf, ["3e-4", "1e-3", "3e-3"])
    .option("--method <list>", "methods", listOf, ["no-attention", "daam-v1"])
    .option("--epochs <n>", "epochs instead of the preset's", wholeNumber)
    .addOption(jobsOption())
    .addOption(backendOption())
    .addHelpText(
      "after",
      examples("tune --task text --rates 3e-4,1e-3,3e-3", "tune --task speech --method mha,mixture"),
    )
    .action(async ({ jobs, ...options }) => {
      const common = { jobs, backend: backendOf(options.backend), signal };
      const { tune } = await import("../experiments/run/tune.js");
      await tune(options.preset, { ...options, ...common, methods: options.method });
    });

  daam
    .command("parity")
    .description("check this code against every reference file of a folder; exit 1 beyond tolerance")
    .argument("<folder>", "laid out like test/fixtures")
    .addOption(backendOption())
    .addHelpText("after", examples("parity test/fixtures"))
    .action(async (folder: string, options) => {
      if (await apart(signal)) return;
      const { chooseBackend } = await import("../backend/choose.js");
      const { line } = await chooseBackend(backendOf(options.backend));
      const { runParity } = await import("../parity/run.js");
      const lines = await runParity(folder, ({ path, status, detail }) =>
        console.log(`${path}: ${status}: ${detail}`),
      );
      console.error(line);
      if (lines.some(({ status }) => status === "FAILED")) process.exitCode = 1;
    });

  daam
    .command("backends")
    .description("say which backends are there, and which one a run takes")
    .addOption(backendOption())
    .action(async (options) => {
      const { chooseBackend, listBackends, listCards } = await import("../backend/choose.js");
      const { line } = await chooseBackend(backendOf(options.backend));
      const status = await listBackends();
      for (const { name, present, detail } of status)
        console.log(`${present ? "present" : "missing"}  ${name}: ${detail}`);
      for (const card of await listCards(status)) console.log(`card     ${card}`);
      console.log(line);
    });

  daam
    .command("cost")
    .description("what every preset takes: cells, operations, hours (docs/cost.md)")
    .action(async () => {
      const { costPage } = await import("../experiments/run/cost.js");
      process.stdout.write(costPage());
    });

  clusterCommands(daam, signal);
  dataCommands(daam, signal);
  encoderCommands(daam, signal);
  generativeCommands(daam, signal);
  return daam;
}
