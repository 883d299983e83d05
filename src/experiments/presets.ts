import { join } from "node:path";
import { oneOf } from "../errors.js";
import { repository } from "../folders.js";
import type { Preset } from "./types.js";

const shipped = (name: string) => join(repository, "data", "encoders", name);
const own = (name: string) => join(process.env.DAAM_ENCODERS ?? join(repository, "data", "raw"), name);

/**
 * How much of everything a run takes. Every preset has every row; they differ in items, epochs, channels and runs.
 *
 * The rates of `quick`, one a task for all rows, were chosen by `daam tune`: `no-attention` and `daam-v1` trained with a part
 * of the training items held out (a fifth of each class; on speech one fold of actors, mean of five), never on test items. By the last
 * epoch, no attention and DAAMv1: speech 56.0 and 56.9 % at 1e-3, at 5e-4 55.2 and 55.1, at 2e-3 55.1 and 54.2; vision 21.3 and 21.1 at 1e-3,
 * 19.1 and 19.9 at 2e-3; text 76.7 to 78.7 from 5e-4 to 4e-3, 78.2 and 78.5 at 1e-3. Held-out accuracy stops growing after about 9 epochs on
 * speech, 4 on text, 5 on vision.
 */
export const presets: readonly Preset[] = [
  {
    name: "smoke",
    hidden: 4,
    tasks: {
      speech: { runs: 1, epochs: 1, learningRate: 1e-3, trainItems: 32, testItems: 16 },
      text: { runs: 1, epochs: 1, learningRate: 1e-3, trainItems: 64, testItems: 32 },
      vision: { runs: 1, epochs: 1, learningRate: 1e-3, trainItems: 100, testItems: 100 },
    },
    ablations: ["text"],
  },
  {
    name: "quick",
    hidden: 64,
    tasks: {
      speech: { runs: 5, epochs: 10, learningRate: 1e-3 },
      text: { runs: 3, epochs: 4, learningRate: 1e-3 },
      vision: { runs: 3, epochs: 5, learningRate: 1e-3 },
    },
    ablations: ["text"],
  },
  {
    // Fewer items than were extracted, so that every row can have its rate and more seeds.
    name: "small",
    hidden: 128,
    rates: [3e-4, 1e-3, 3e-3],
    tasks: {
      speech: {
        runs: 25,
        epochs: 10,
        learningRate: 1e-3,
        extraction: { dataset: "ravdess", encoder: shipped("wavlm-mini"), normalise: true },
      },
      text: {
        runs: 10,
        epochs: 4,
        learningRate: 1e-3,
        trainItems: 3000,
        testItems: 3800,
        extraction: {
          dataset: "ag-news",
          encoder: shipped("llama-mini"),
          maxTokens: 256,
          perClass: { train: 1500 },
        },
      },
      vision: {
        runs: 10,
        epochs: 5,
        learningRate: 1e-3,
        trainItems: 5000,
        testItems: 5000,
        extraction: { dataset: "cifar-100", encoder: shipped("beit-mini"), perClass: { train: 100 } },
      },
    },
    ablations: ["speech", "text", "vision"],
  },
  {
    // Channels, epochs, rates and runs of the paper; the vision rate is its code's (the text says 1e-4). Checkpoints lie in DAAM_ENCODERS.
    name: "paper",
    hidden: 512,
    tasks: {
      speech: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-4,
        extraction: { dataset: "iemocap", encoder: own("wavlm-large"), normalise: false },
      },
      text: {
        runs: 3,
        epochs: 35,
        learningRate: 5e-5,
        extraction: { dataset: "ag-news", encoder: own("llama-2-13b"), maxTokens: 4096 },
      },
      vision: {
        runs: 5,
        epochs: 35,
        learningRate: 1e-5,
        extraction: { dataset: "cifar-100", encoder: own("beit-large") },
      },
    },
    ablations: ["speech", "text", "vision"],
  },
];

/** PyTorch's default for AdamW, which the paper's code takes (its text says 0.1). */
export const weightDecay = 0.01;

/** Presets of minutes train everything on the spot: committed cells are never taken in. */
export const alwaysAnew: readonly string[] = ["smoke", "quick"];

/** How the rates of a preset were chosen, for its published README. */
export const howRates = ({ name, rates }: Preset) =>
  name === "paper"
    ? "Channels, epochs, rates and runs are the paper's; the vision rate is its code's."
    : rates
      ? `Each row has the learning rate, of ${rates.join(", ")}, with which it classified a part of the training items best that was ` +
        "held out (a fifth of each class; on speech one fold of actors), by the last epoch, one seed and one fold; no test item played " +
        "a role. Variants of an ablation take the rate of the row that they vary. Channels and epochs are fewer than the paper's, and " +
        "rates higher, to fit the time of the preset."
      : "Learning rates are one a task for all rows, chosen by `daam tune` on a part of the training items that was held out " +
        "(a fifth of each class; on speech one fold of actors), with no attention and DAAMv1; no test item played a role. " +
        "Channels and epochs are fewer than the paper's, and rates higher, to fit the time of the preset.";

/** @throws UserError that lists the presets. */
export function findPreset(name: string): Preset {
  oneOf(
    "preset",
    name,
    presets.map((preset) => preset.name),
  );
  return presets.find((preset) => preset.name === name)!;
}
