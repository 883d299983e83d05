import { join } from "node:path";
import { UserError } from "../../errors.js";
import { withCounts } from "../../features/extraction.js";
import { repository } from "../../folders.js";
import type { FineTuningBudget, Preset, ProbeBudget } from "../types.js";

const shipped = (name: string) => join(repository, "data", "encoders", name);

/** How raw data becomes the inputs of the small encoders, whole data sets. */
const raw = {
  speech: { dataset: "ravdess", encoder: shipped("wavlm-mini"), normalise: true },
  text: { dataset: "ag-news", encoder: shipped("llama-mini"), maxTokens: 256 },
  vision: { dataset: "cifar-100", encoder: shipped("beit-mini") },
};
/** And how it became the shipped hidden states. */
const rawOfShipped = {
  speech: raw.speech,
  text: { ...raw.text, perClass: { train: 750, test: 375 } },
  vision: { ...raw.vision, perClass: { train: 50, test: 25 } },
};
/** Of rows that fine-tune, as published and standard: on speech every fold once, as the paper has it. */
const folds = { published: 5, corrected: 5 };
const seeds = { published: 2, corrected: 3 };
/** Two epochs on few items want higher rates than 35. */
const loraRates = [3e-4, 1e-3, 3e-3];
/** A subset of a few minutes. */
const few = (task: keyof typeof raw, items: number): FineTuningBudget => ({
  runs: { published: 1, corrected: 1 },
  epochs: 1,
  learningRate: 1e-3,
  batch: 8,
  trainItems: items,
  testItems: items,
  extraction: rawOfShipped[task],
});

/** Of trainings on changed hidden states: few epochs, since their plateaus are what is looked for; speech has two seeds a fold. */
const scaleBudget: ProbeBudget = {
  hidden: 64,
  rates: [3e-4, 1e-3],
  tasks: {
    speech: { runs: 10, epochs: 10 },
    text: { runs: 5, epochs: 3, trainItems: 2000, testItems: 2000 },
    vision: { runs: 5, epochs: 4, trainItems: 5000, testItems: 2000 },
  },
};
const controlBudget: ProbeBudget = {
  hidden: 64,
  rates: [3e-4, 1e-3],
  tasks: {
    speech: { runs: 10, epochs: 8 },
    vision: { runs: 5, epochs: 4, trainItems: 3000, testItems: 2000 },
  },
};

/**
 * How much of everything a run takes. Every preset has every row; they differ in items, epochs, channels and runs.
 *
 * The rates and epochs of `quick`, one a task for all rows, were chosen by `daam tune`: with a part of the training items held out (a fifth
 * of each class; on speech one fold of actors), never on test items. By the last epoch, no attention and DAAMv1. Speech, 35 epochs, three
 * folds: 62.7 and 63.2 % at 1e-3, 51.3 and 49.4 at 1e-4, 56.5 and 57.2 at 3e-4, 60.6 and 61.3 at 3e-3; after 10 epochs at 1e-3 55.1 and
 * 52.5, after 20 58.5 and 56.8. Vision: 21.3 and 21.1 at 1e-3, 19.1 and 19.9 at 2e-3; text: 76.7 to 78.7 from 5e-4 to 4e-3, 78.2 and 78.5 at
 * 1e-3; held-out accuracy stops growing after about 4 epochs on text, 5 on vision. Rows that attend over the batch, as published: MHA on
 * speech 30.6 at 1e-4 (three folds), 44.1 at 3e-4 and 41.3 at 1e-3 (five; two of them one class for all items at either rate); MHA → BN 42.3,
 * 45.1 and 51.8 (three folds, none of them so); at 3e-3 one class in every fold; on vision both at most 2.4 from 1e-4 to 1e-2. No rate
 * frees them of it, so one serves all rows. Its cells take 1,340 seconds of one core by their own processor time (speech 620, text 270,
 * vision 450): eleven minutes on two cores, and the notebooks.
 */
export const presets: readonly Preset[] = [
  {
    name: "smoke",
    settings: "Every row for seconds, to see that it works here.",
    caution: "Trained for seconds: these figures say that every row works here, and nothing about any row.",
    alwaysAnew: true,
    fineTunesOnRequest: true,
    hidden: 4,
    tasks: {
      speech: {
        runs: 1,
        epochs: 1,
        learningRate: 1e-3,
        trainItems: 32,
        testItems: 16,
        fineTuning: few("speech", 8),
      },
      text: {
        runs: 1,
        epochs: 1,
        learningRate: 1e-3,
        trainItems: 64,
        testItems: 32,
        fineTuning: few("text", 8),
      },
      vision: {
        runs: 1,
        epochs: 1,
        learningRate: 1e-3,
        trainItems: 100,
        testItems: 100,
        fineTuning: few("vision", 8),
      },
    },
    ablations: ["text"],
  },
  {
    name: "quick",
    settings:
      "Learning rates are one a task for all rows, chosen by `daam tune` on a part of the training items that was held out " +
      "(a fifth of each class; on speech one fold of actors), with no attention and DAAMv1; no test item played a role. " +
      "Channels, and epochs on text and images, are fewer than the paper's, and rates higher, to fit the time of the preset. " +
      "On held-out items too, no rate keeps the rows that attend over the batch, as published, from learning nothing: on images MHA and " +
      "MHA → BN stay below 2.5 % at every rate from 1e-4 to 1e-2; on speech MHA puts all clips into one class in two of five folds at " +
      "3e-4 and at 1e-3, in one of the three tried at 1e-4, in all three at 3e-3, where MHA → BN does too. At the scale of these hidden " +
      "states the weights of untrained attention over the batch are all but equal (`daam inspect data/features/vision.safetensors`: logits).",
    alwaysAnew: true,
    fineTunesOnRequest: true,
    hidden: 64,
    tasks: {
      speech: { runs: 5, epochs: 35, learningRate: 1e-3, fineTuning: few("speech", 200) },
      text: { runs: 3, epochs: 4, learningRate: 1e-3, fineTuning: few("text", 200) },
      vision: { runs: 3, epochs: 5, learningRate: 1e-3, fineTuning: few("vision", 200) },
    },
    ablations: ["text"],
  },
  {
    // The paper's protocol; fewer channels and items, so that every row can have every rate and several seeds in some fifteen hours, LoRA's among them.
    name: "small",
    hidden: 64,
    rates: [1e-4, 3e-4, 1e-3],
    tasks: {
      speech: {
        runs: 15,
        epochs: 35,
        learningRate: 1e-3,
        extraction: raw.speech,
        fineTuning: {
          runs: folds,
          epochs: 2,
          learningRate: 1e-3,
          rates: loraRates,
          batch: 8,
          trainItems: 200,
        },
        robustness: { runs: 5 },
      },
      text: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-3,
        trainItems: 3000,
        testItems: 3800,
        extraction: { ...raw.text, perClass: { train: 1500 } },
        fineTuning: {
          runs: seeds,
          epochs: 2,
          learningRate: 1e-3,
          rates: loraRates,
          batch: 16,
          trainItems: 400,
          testItems: 400,
        },
        robustness: { runs: 3, perClass: 500 },
      },
      vision: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-3,
        trainItems: 5000,
        testItems: 5000,
        extraction: { ...raw.vision, perClass: { train: 100 } },
        fineTuning: {
          runs: seeds,
          epochs: 2,
          learningRate: 1e-3,
          rates: loraRates,
          batch: 16,
          trainItems: 1500,
          testItems: 500,
        },
        robustness: { runs: 3, perClass: 20 },
      },
    },
    ablations: ["speech", "text", "vision"],
    probes: { scale: scaleBudget, control: controlBudget },
  },
  {
    // Published encoders that a laptop runs; items and epochs for a long night on two cores (README: how long each part takes).
    name: "base",
    hidden: 128,
    rates: [3e-4, 1e-3],
    tasks: {
      speech: {
        runs: 5,
        epochs: 10,
        learningRate: 1e-3,
        extraction: { dataset: "ravdess", encoder: "wavlm-base-plus", normalise: false, limit: 300 },
        preferred: "iemocap",
        robustness: { runs: 5 },
      },
      text: {
        runs: 3,
        epochs: 4,
        learningRate: 1e-3,
        extraction: {
          dataset: "ag-news",
          encoder: "smollm2-135m",
          maxTokens: 256,
          padTogether: 1,
          perClass: { train: 500, test: 500 },
        },
        robustness: { runs: 3, perClass: 250 },
      },
      vision: {
        runs: 3,
        epochs: 5,
        learningRate: 1e-3,
        extraction: { dataset: "cifar-100", encoder: "beit-base", perClass: { train: 40, test: 20 } },
        robustness: { runs: 3, perClass: 10 },
      },
    },
    ablations: ["text"],
    probes: { scale: scaleBudget, control: controlBudget },
  },
  {
    // Channels, epochs, rates and runs of the paper; the vision rate is its code's (the text says 1e-4). Its encoders are the registry's (encoders/published.ts).
    name: "paper",
    settings:
      "Channels, epochs, rates and runs are the paper's; the vision rate is its code's. LoRA on text has the text's rate, 1e-4, where " +
      "the code has 1e-6, and the decoders' tokens, where the code has 128.",
    fineTunesOnRequest: true,
    hidden: 512,
    tasks: {
      speech: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-4,
        extraction: { dataset: "iemocap", encoder: "wavlm-large", normalise: false },
        robustness: { runs: 5 },
        fineTuning: { runs: folds, epochs: 35, learningRate: 1e-4, batch: 4 },
      },
      text: {
        runs: 3,
        epochs: 35,
        learningRate: 5e-5,
        extraction: { dataset: "ag-news", encoder: "llama-2-13b", maxTokens: 4096, padTogether: 1 },
        robustness: { runs: 3, perClass: 500 },
        fineTuning: { runs: { published: 3, corrected: 3 }, epochs: 1, learningRate: 1e-4, batch: 1 },
      },
      vision: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-5,
        extraction: { dataset: "cifar-100", encoder: "beit-large" },
        robustness: { runs: 3, perClass: 20 },
        fineTuning: { runs: { published: 5, corrected: 5 }, epochs: 35, learningRate: 1e-4, batch: 16 },
      },
    },
    ablations: ["speech", "text", "vision"],
    probes: { scale: { ...scaleBudget, hidden: 512 }, control: { ...controlBudget, hidden: 512 } },
  },
];

/** PyTorch's default for AdamW, which the paper's code takes (its text says 0.1). */
export const weightDecay = 0.01;

/** The preset whose published cells stand in for those that another does not train. */
export const RECORDED = "small";

/** How the rates of a preset were chosen, for its published README. */
export const howRates = ({ settings, rates }: Preset) =>
  settings ??
  (rates
    ? `Every decoder is trained at each of the rates ${rates.join(", ")}, and at the next lower ones down to 3e-5 while its lowest does ` +
      "best; its chosen rate is the one with which it classified a part of the training items best that was held out (a fifth of each " +
      "class, two seeds; on speech one fold of actors, five times), by the last epoch; no test item played a role. Rows of LoRA and at " +
      "its budget choose in the same way, by two seeds, and are trained at the chosen rate alone. Variants of an ablation, and LoRA on " +
      "query and key, take the rate of the row that they vary. Channels are fewer than the paper's, to fit the time of the preset."
    : "One learning rate a task for all rows.");

/**
 * A preset, or its rehearsal: `base-16` is `base` on 16 items of each split or fold.
 * @throws UserError that lists the presets.
 */
export function findPreset(name: string): Preset {
  const found = presets.find((preset) => preset.name === name);
  if (found) return found;
  const [, whole, items] = /^(\w+)-([1-9]\d*)$/.exec(name) ?? [];
  const rehearsed = presets.find((preset) => preset.name === whole && extracts(preset));
  if (rehearsed) return rehearsal(rehearsed, Number(items));
  const names = presets.map((preset) => preset.name);
  const examples = presets.filter(extracts).map((preset) => `${preset.name}-16`);
  throw new UserError(
    `unknown preset "${name}": choose one of ${names.join(", ")}, or rehearse on few items: ${examples.join(", ")}`,
  );
}

/** Whether hidden states of a preset are made from raw data. */
export const extracts = ({ tasks }: Preset) => Object.values(tasks).some(({ extraction }) => extraction);

/** Every part of a preset in minutes: the first so many items of each split or fold, one run and one epoch, no choice of rates. */
function rehearsal(preset: Preset, items: number): Preset {
  const { name, tasks, hidden } = preset;
  const few = Object.entries(tasks).map(([task, { extraction, preferred, learningRate }]) => [
    task,
    {
      runs: 1,
      epochs: 1,
      learningRate,
      ...(preferred && { preferred }),
      extraction: withCounts(extraction!, { limit: items }),
    },
  ]);
  return {
    name: `${name}-${items}`,
    settings: `A rehearsal of ${name}: ${items} items of each split or fold, one run, one epoch. Its figures say nothing.`,
    hidden,
    tasks: Object.fromEntries(few),
    ablations: [],
  };
}

/**
 * A preset as it runs: where rows fine-tune on request, without them unless `lora` asks for them.
 * @throws UserError that lists the presets.
 */
export function presetAt(name: string, lora = process.env.DAAM_LORA === "1"): Preset {
  const preset = findPreset(name);
  if (lora || !preset.fineTunesOnRequest) return preset;
  const tasks = Object.entries(preset.tasks).map(([task, budget]) => [
    task,
    { ...budget, fineTuning: undefined },
  ]);
  return { ...preset, tasks: Object.fromEntries(tasks) };
}
