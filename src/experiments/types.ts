import type { FineTuning } from "../adapters/fine-tuning.js";
import type { ExtractionSettings } from "../features/extraction.js";
import type { Transform } from "../features/transform.js";
import type { Machine } from "../machine.js";
import type { Measures } from "../models/measures.js";
import type { Stage } from "../models/stages.js";
import type { Shift } from "../shifts/shift.js";
import type { LossSpec } from "../training/losses.js";
import type { EpochRecord } from "../training/learner.js";

export type { EpochRecord, Stage };

/** The nouns of an experiment: all of it data, so that a new task, method or preset is a new entry, never a new code path. */

/** A data set with its encoder and the paper's protocol for it. */
export interface Task {
  name: string;
  title: string;
  /** What the paper used and what stands in for it here. */
  paper: { data: string; encoder: string };
  here: { data: string; encoder: string };
  /** What a reader of the figures must know of the data and encoder here. */
  caveat?: string;
  /** File of the shipped features, in `data/features/`. */
  features: string;
  classes: string[];
  /** Folds test on one part of the groups each; runs share one train/test split and differ by seed. */
  split: "folds" | "runs";
  loss: LossSpec;
  batch: number;
  /** Gradient-norm clip. */
  clipNorm: number;
  /** Column heads of the paper's table: F1…F5, R1…R5. */
  paperRuns: string[];
  /** What the encoders of the task call the projections of their attention, as adapters' `target_modules` have them. */
  projections: { query: string; key: string; value: string };
  /** What test inputs are shifted by, each kind from weak to strong. */
  shifts?: readonly Shift[];
}

/** A row of a table. */
export interface Method {
  name: string;
  title: string;
  /** In which block of the table it stands. */
  group: "published" | "corrected" | "ablation";
  /** The stages for a task at the encoder's size: heads scale with layers, widths with features. */
  stages(size: { layers: number; features: number; task: string }): Stage[];
  /** Sees only the three adjacent layers with the highest or lowest share of DAAMv1's attention: planned after DAAMv1. */
  layers?: "highest" | "lowest";
  /** The row that a variant differs from in one thing, and whose rate it takes. */
  variantOf?: string;
  /** Trains a low-rank update of the encoder and a new head on raw inputs, instead of stages and a decoder on hidden states. */
  fineTuning?(size: { layers: number; features: number; task: string }): FineTuning;
  /** Takes the items, epochs and runs of the rows that fine-tune, to be compared with them. */
  budget?: "fine-tuning";
  /** The paper's row of the same name (key of `paper.ts`), where there is one. */
  paperRow?: string;
  note?: string;
  /** Runs of a complete row, where they are not the table's. */
  runs?(task: string): number;
  /** The preset whose published cells the row shows where its own does not train it. */
  recorded?: string;
  /** The rates that the row chooses among, where its table is of a preset in which it does. */
  rates?(task: string): readonly number[] | undefined;
  /** Trained at every rate that it is tried at, not only at the one that it chooses. */
  everyRate?: boolean;
}

/** Parts that train a few rows on hidden states that are changed first: at several scales, and where attention should help (probes.ts). */
export const probeParts = ["scale", "control"] as const;
export type ProbePart = (typeof probeParts)[number];

/** Rows of the tables; trainings on held-out items, by which they choose their rates; ablations; rows of the tables tested on shifted inputs. */
export const parts = ["table", "rates", "ablations", "robustness", ...probeParts] as const;
export type Part = (typeof parts)[number];

/** How much of everything a run takes. */
export interface Preset {
  name: string;
  /** Channels between the two convolutions. */
  hidden: number;
  tasks: Record<string, TaskBudget>;
  /** Everything is trained on the spot, in minutes: committed cells are never taken in. */
  alwaysAnew?: true;
  /** Where its settings are from, for its published README; by how rates were chosen where left out. */
  settings?: string;
  /** Said wherever its figures are shown. */
  caution?: string;
  /** Rows fine-tune only where asked to: they need raw data, or far more time than the others. */
  fineTunesOnRequest?: true;
  /** Tasks whose ablations run. */
  ablations: string[];
  /** Learning rates: every decoder is trained at each, and chooses one on held-out training items (rates.ts); the task's for all where left out. */
  rates?: readonly number[];
  /** Trainings on changed hidden states; the preset has none of a part that is left out. */
  probes?: Partial<Record<ProbePart, ProbeBudget>>;
}

/** How much of everything a part takes that trains on changed hidden states: every row at every rate. */
export interface ProbeBudget {
  hidden: number;
  rates: readonly number[];
  tasks: Record<string, ItemBudget & { runs: number }>;
}

export type ItemBudget = Pick<TaskBudget, "epochs" | "trainItems" | "testItems">;

export interface TaskBudget {
  /** How hidden states are made from raw data; the shipped ones where it is left out. */
  extraction?: ExtractionSettings;
  /** A data set that takes the place of the extraction's where it is here. */
  preferred?: string;
  /** With folds: folds × seeds. */
  runs: number;
  epochs: number;
  /** Of all rows, in presets without rates to choose among. */
  learningRate: number;
  /** The first so many of every split, in file order and balanced; all when left out. */
  trainItems?: number;
  testItems?: number;
  /** Tests on shifted inputs, for presets with an extraction: runs or folds a row, and the first so many test items of every class. */
  robustness?: { runs: number; perClass?: number };
  /** Of rows that fine-tune, and of those compared with them; the preset has none where it is left out. */
  fineTuning?: FineTuningBudget;
}

/** How a task's raw data becomes an encoder's inputs in a preset. */
export const rawSettings = ({ extraction, fineTuning }: TaskBudget): ExtractionSettings | undefined =>
  extraction ?? fineTuning?.extraction;

export interface FineTuningBudget extends Pick<
  TaskBudget,
  "epochs" | "learningRate" | "trainItems" | "testItems"
> {
  runs: { published: number; corrected: number };
  batch: number;
  /** Learning rates that each row chooses among; it is trained at the chosen one alone. */
  rates?: readonly number[];
  /** How shipped hidden states were made from raw inputs, in presets that train on them. */
  extraction?: ExtractionSettings;
}

/** Everything that decides a cell's figures, and nothing else. */
export interface CellConfig {
  preset: string;
  task: string;
  method: string;
  /** 1-based run or fold. */
  run: number;
  /** Shared by the methods of a run: they see the same batches and start from the same decoder. */
  seed: number;
  /** Name of the feature file and the start of its SHA-256. */
  features: string;
  /** Repository and commit of the encoder that made it, where that came from the hub. */
  encoder?: string;
  stages: Stage[];
  /** Channels between the two convolutions, where there is a decoder. */
  hidden?: number;
  epochs: number;
  learningRate: number;
  weightDecay: number;
  batch: number;
  /** Gradients are not clipped where it is left out. */
  clipNorm?: number;
  loss: LossSpec;
  /** In place of stages and decoder. */
  fineTuning?: FineTuning;
  trainItems?: number;
  testItems?: number;
  /** What is done to hidden states before the stages see them, one after the other; such a cell is measured, and keeps no maps. */
  input?: Transform[];
  /** Tested on a part of the training items, which it does not train on: to choose a rate. */
  holdout?: true;
  /** Names of the shifts that the trained decoder is tested on too, with the feature file of each. */
  shifts?: Record<string, string>;
}

/** A finished cell. */
export interface CellResult extends CellCosts {
  name: string;
  config: CellConfig;
  curve: EpochRecord[];
  /** Highest test accuracy over the epochs (the paper's figure), and the last epoch's. */
  best: EpochRecord;
  last: EpochRecord;
  /** Base64 of one byte (or two, little-endian, beyond 256 classes) a test item, in the order of the feature file. */
  predictions: { best: string; last: string };
  /** Last epoch: row = true class, column = predicted. Left out beyond 20 classes (the predictions give it). */
  confusion?: number[][];
  /** Learned mean offsets and scaled variances, where the method has density attention. */
  learned?: { meanOffset: [number, number]; scaledVariance: [number, number] };
  /**
   * Attention map of density attention averaged over items, last epoch, [layers][features], base64 of float16; test and training items.
   * Published cells have those that are read (`maps.ts`).
   */
  attention?: { test?: string; train?: string; layers: number; features: number };
  /** Tests on shifted inputs after the last epoch, where the configuration has shifts. */
  shifted?: ShiftedTests;
  /** What attention does to items, before and after training, where the configuration changes hidden states. */
  measured?: { before: Measures; after: Measures };
  /** Trained: all, all but the last linear layer, those of the stages or of the low-rank update. */
  parameters: { total: number; withoutLastLinear: number; attention: number };
}

/** What a cell took, and where: all of it that may differ between two trainings with the same digits. */
export interface CellCosts {
  seconds: number;
  /** Highest resident memory of the worker process up to the end of this cell. */
  peakMemoryMB: number;
  backend: string;
  versions: Record<string, string>;
  machine?: Machine;
  /** Day of its end, UTC: 2026-11-27. */
  date?: string;
}

/** The test items of a cell, in the order of its predictions. */
export interface TestItems {
  labels: ArrayLike<number>;
  /** Positions in the feature file: what tells items apart. */
  indices: ArrayLike<number>;
  /** What is resampled together: the actor of a recording; an item of its own elsewhere. */
  groups: ArrayLike<number>;
}

/** A trained decoder on shifted inputs and on the same items as they are; base64 as in {@link CellResult}, all in one order of items. */
export interface ShiftedTests {
  labels: string;
  /** Two bytes an item, where the data set has groups. */
  groups?: string;
  /** By the name of the shift; "clean" without one. */
  sets: Record<string, { accuracy: number; predictions: string }>;
}
