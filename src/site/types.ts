/** What the pages of the site are given, as JSON in scripts: pages that are opened from a folder may read scripts alone. */
import type { CellConfig, EpochRecord } from "../experiments/types.js";

export interface SiteIndex {
  /** Presets with published results; the first is shown where none is asked for. */
  presets: PresetEntry[];
  tasks: TaskEntry[];
  /** How verdicts and intervals are to be read. */
  notes: string[];
  version: string;
}

export interface TaskEntry {
  name: string;
  title: string;
  classes: string[];
  split: "folds" | "runs";
  data: string;
  encoder: string;
  caveat?: string;
}

export interface PresetEntry {
  name: string;
  tasks: string[];
  /** One sentence on its size. */
  what: string;
  claims: ClaimEntry[];
  /** Its hidden states are shipped: a page can train its cells. */
  trainable: boolean;
}

/** A claim of the paper: what the published tables say of it on each task. */
export interface ClaimEntry {
  claim: string;
  /** Names of the two rows. */
  rows: [better: string, worse: string];
  /** By task: the verdict across rates, and the published lines by column, one a rate. */
  tasks: Record<string, { verdict: string; lines: Record<string, string>[] }>;
}

/** A script of its own for each task of a preset. */
export interface TaskResults {
  layers: number;
  features: number;
  rows: RowEntry[];
  /** Test items: position in the feature file, label, and by set ("fold 1", "of 1500") which of them, as indices into these lists. */
  items: { positions: number[]; labels: number[]; sets: Record<string, number[]> };
}

export interface RowEntry {
  name: string;
  title: string;
  /** Its place among all methods: what it looks like in every view. */
  place: number;
  group: string;
  note?: string;
  parameters: { total: number; withoutLastLinear: number; attention: number };
  /** At every rate that the row is trained at. */
  cells: CellEntry[];
  /** The rate that it chose, or its only one; what follows is at that. */
  chosen?: number;
  /** Of density attention: importance factors [layers][features], and shares of the layers in %. */
  importance?: number[][];
  shares?: { mean: number[]; sd: number[] };
  /** Counts over all runs, [true][predicted]. */
  confusion?: number[][];
}

export interface CellEntry {
  name: string;
  run: number;
  /** Learning rate. */
  rate: number;
  /** Left out where the costs of a cell are not known. */
  seconds?: number;
  curve: EpochRecord[];
  best: EpochRecord;
  last: EpochRecord;
  /** As a cell's JSON has them. */
  predictions: { best: string; last: string };
  /** Which of the task's test items these are of: a name of {@link TaskResults.items}' sets. */
  set: string;
  backend: string;
  /** Of cells that a page can train again. */
  config?: CellConfig;
}

/** Hidden states to train on; base64 of little-endian numbers. */
export interface SiteFeatures {
  /** Name and hash, as configurations have it. */
  id: string;
  layers: number;
  features: number;
  classes: number;
  /** int8 [items, layers, features]. */
  q: string;
  /** float32 [layers, features]. */
  scale: string;
  zero: string;
  /** int32 [items]. */
  labels: string;
  split?: string;
  fold?: string;
}

/** Some test items to look at: hidden states, and what they were made from where its terms allow and it was at hand. */
export interface SiteItems {
  layers: number;
  features: number;
  /** Of the raw inputs. */
  terms: string;
  items: {
    /** In the feature file. */
    position: number;
    label: number;
    /** [layers · features], four digits. */
    states?: number[];
    text?: string;
    /** A data address of a PNG. */
    image?: string;
  }[];
}

/** WebAssembly, base64. */
export interface SiteBinaries {
  /** tfjs's and ours, without threads. */
  tfjs: string;
  kernels: string;
  /** The same with threads, and the program of tfjs's. */
  threads: { tfjs: string; kernels: string; program: string; worker: string };
}
