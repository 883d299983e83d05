/** Made-up cells with known figures: what tables and figures are tested on. */
import type { CellResult, EpochRecord, Method, Preset, Task } from "#src/experiments/types.js";

const epoch = (number: number, accuracy: number): EpochRecord => ({
  epoch: number,
  learningRate: 1e-3,
  trainLoss: 1 / number,
  testLoss: 1.1 / number,
  accuracy,
  macroF1: accuracy - 0.01,
  unweightedRecall: accuracy - 0.02,
});

export const speech: Task = {
  name: "speech",
  title: "Speech emotion",
  paper: { data: "IEMOCAP", encoder: "WavLM-Large" },
  here: { data: "RAVDESS", encoder: "wavlm-mini" },
  features: "speech.safetensors",
  classes: ["sadness", "neutral", "happiness", "anger"],
  split: "folds",
  loss: { kind: "focal", alpha: 0.25, gamma: 2.5 },
  batch: 8,
  clipNorm: 1000,
  paperRuns: ["F1", "F2", "F3", "F4", "F5"],
  projections: { query: "q_proj", key: "k_proj", value: "v_proj" },
};

export const text: Task = {
  ...speech,
  name: "text",
  title: "News topic",
  paper: { data: "AG News", encoder: "Llama2-13B" },
  here: { data: "AG News", encoder: "llama-mini" },
  split: "runs",
  loss: { kind: "cross-entropy" },
  paperRuns: ["R1", "R2", "R3"],
};

const method = (name: string, title: string, group: Method["group"], paperRow?: string): Method => ({
  name,
  title,
  group,
  stages: () => [],
  ...(paperRow !== undefined && { paperRow }),
});

export const methods: Method[] = [
  method("mha", "MHA", "published", "MHA"),
  method("daam-v1", "DAAMv1", "published", "DAAMv1"),
  method("mixture", "Mixture of DAAM", "published", "Mixture of DAAM"),
  method("mha-layers", "MHA over the layers", "corrected"),
  method("no-attention", "No attention", "corrected"),
];

export const preset: Preset = {
  name: "quick",
  hidden: 64,
  tasks: {
    speech: { runs: 5, epochs: 3, learningRate: 1e-3 },
    text: { runs: 3, epochs: 3, learningRate: 1e-3 },
  },
  ablations: ["text"],
};

/** A cell of three epochs; accuracies in 0–1. Its attention map rises from layer to layer. */
export function cell(
  task: string,
  method: string,
  run: number,
  accuracies: [number, number, number],
): CellResult {
  const curve = accuracies.map((accuracy, i) => epoch(i + 1, accuracy));
  const best = curve.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  const density = method.startsWith("daam") || method === "mixture";
  const floats = Buffer.from(Float32Array.from({ length: 12 * 4 }, (_, i) => 0.5 + 0.01 * i).buffer).toString(
    "base64",
  );
  return {
    name: `${task}/${method}/run-${run}`,
    config: {
      preset: "quick",
      task,
      method,
      run,
      seed: run,
      stages: [],
      hidden: 64,
      epochs: 3,
      learningRate: 1e-3,
    } as unknown as CellResult["config"],
    curve,
    best,
    last: curve.at(-1)!,
    predictions: {
      best: Buffer.from([0, 1, 2, 3]).toString("base64"),
      last: Buffer.from([0, 1, 2, 2]).toString("base64"),
    },
    confusion: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 1, 0],
    ],
    ...(density && {
      learned: { meanOffset: [-0.01 * run, 0.02], scaledVariance: [1.99, 2 + 0.01 * run] },
      attention: { test: floats, train: floats, layers: 12, features: 4 },
    }),
    parameters: { total: 20_000, withoutLastLinear: 14_000, attention: density ? 1_024 : 0 },
    seconds: 1.25,
    peakMemoryMB: 200,
    backend: "wasm",
    versions: { node: "20.19.0", tfjs: "4.22.0" },
  };
}

/** The cell with these classes for its test items, at the best and the last epoch. */
export function predicting(result: CellResult, classes: readonly number[]): CellResult {
  const guesses = Buffer.from(classes).toString("base64");
  return { ...result, predictions: { best: guesses, last: guesses } };
}

/** Every cell of both tasks, best epoch in the middle. */
export const results: CellResult[] = ["speech", "text"].flatMap((task) =>
  methods.flatMap(({ name }, m) =>
    Array.from({ length: preset.tasks[task]!.runs }, (_, r) => {
      const top = 0.5 + 0.05 * m + 0.01 * r;
      return cell(task, name, r + 1, [top - 0.1, top, top - 0.02]);
    }),
  ),
);
