import { basename } from "node:path";
import { emotions, fineLabels, newsTopics } from "../../datasets/classes.js";
import { oneOf } from "../../errors.js";
import type { Preset, Task } from "../types.js";

/** The code of the paper clips loss-scaled gradients at this norm. */
const clipNorm = 1000;

/** As WavLM and Llama have them. */
const projections = { query: "q_proj", key: "k_proj", value: "v_proj" };

/** The three tasks of the paper; losses and batches from section 1 of the paper's protocol, as its code has them. */
export const tasks: readonly Task[] = [
  {
    name: "speech",
    title: "Speech emotion",
    paper: { data: "IEMOCAP", encoder: "WavLM-Large" },
    here: { data: "RAVDESS", encoder: "wavlm-mini" },
    caveat:
      "The recordings of all actors, those of the test folds too, were heard without labels when wavlm-mini was distilled: the encoder " +
      "knows the test voices. Every row shares that.",
    features: "speech.safetensors",
    classes: [...emotions],
    split: "folds",
    loss: { kind: "focal", alpha: 0.25, gamma: 2.5 },
    batch: 8,
    clipNorm,
    paperRuns: ["F1", "F2", "F3", "F4", "F5"],
    projections,
    shifts: [20, 10, 5, 0].map((snr) => ({ kind: "noise", snr })),
  },
  {
    name: "text",
    title: "News topic",
    paper: { data: "AG News", encoder: "Llama2-13B" },
    here: { data: "AG News", encoder: "llama-mini" },
    caveat:
      "The training items, without labels, are part of the text that llama-mini was trained on; the test items are not.",
    features: "text.safetensors",
    classes: newsTopics,
    split: "runs",
    loss: { kind: "cross-entropy" },
    batch: 32,
    clipNorm,
    paperRuns: ["R1", "R2", "R3"],
    projections,
    shifts: [0.1, 0.2, 0.4].map((share) => ({ kind: "word-drop", share })),
  },
  {
    name: "vision",
    title: "Image class",
    paper: { data: "CIFAR-100", encoder: "BEiT-Large" },
    here: { data: "CIFAR-100", encoder: "beit-mini" },
    features: "vision.safetensors",
    classes: fineLabels,
    split: "runs",
    loss: { kind: "cross-entropy" },
    batch: 32,
    clipNorm,
    paperRuns: ["R1", "R2", "R3", "R4", "R5"],
    projections: { query: "query", key: "key", value: "value" },
    shifts: [
      ...[0.05, 0.1, 0.2].map((sd) => ({ kind: "image-noise", sd }) as const),
      ...[0.5, 1, 2].map((sd) => ({ kind: "blur", sd }) as const),
    ],
  },
];

/** A task as a preset runs it: with the data and the encoder of its own extraction, where it has one. */
export function taskAt({ tasks: budgets }: Preset, name: string): Task {
  const task = findTask(name);
  const { extraction } = budgets[name] ?? {};
  const encoder = extraction && basename(extraction.encoder);
  if (!extraction || encoder === task.here.encoder) return task;
  return { ...task, here: { data: extraction.dataset, encoder: encoder! }, caveat: undefined };
}

/** 1-based seed of a run: on folds every fold is run once a seed, fold by fold. */
export const seedOf = (run: number, { split, paperRuns }: Task): number =>
  split === "folds" ? Math.ceil(run / paperRuns.length) : run;

/** 0-based block of a run: its fold; all runs that share one split are one block. */
export const blockOf = (run: number, { split, paperRuns }: Task): number =>
  split === "folds" ? (run - 1) % paperRuns.length : 0;

/** @throws UserError that lists the tasks. */
export function findTask(name: string): Task {
  oneOf(
    "task",
    name,
    tasks.map((task) => task.name),
  );
  return tasks.find((task) => task.name === name)!;
}
