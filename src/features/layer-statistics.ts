/** What the hidden states of an encoder are like, layer by layer: their scale decides what attention by dot products does with them. */
import type { HiddenStates } from "./load.js";

/** Of one layer: float32 [items, features] → numbers. */
export interface LayerStatistics {
  /** Mean L2 norm of an item's vector. */
  norm: number;
  /** Mean of all values, over items and features. */
  mean: number;
  /** Population standard deviation of all values, over items and features. */
  sd: number;
  /** Root mean square distance of an item's vector from the mean of all items. */
  distance: number;
  /** Largest absolute value. */
  largest: number;
  /** Share of the sum of squares that lies in the {@link FEW} features where it is largest; {@link FEW} / features where all are alike. */
  fewShare: number;
  /** Mean cosine of two different items, neither of them zero; NaN where there are no two. */
  cosine: number;
  /**
   * Standard deviation, over the items of a batch, of an item's logits in dot-product attention over the batch before training
   * (PyTorch's `MultiheadAttention`, any number of heads: root mean square norm · distance / 2 features, since queries and keys are
   * projected by weights of variance 1 / 2 features). Far below 1, the weights are all but equal, and every item of a batch gets the same output.
   */
  logits: number;
}

export interface HiddenStateStatistics {
  /** How many items were read: all, or some at equal distances. */
  items: number;
  /** From the first layer to the last; the embedding output is not among them. */
  layers: LayerStatistics[];
}

/** Features that hold much of a large encoder's hidden states are few: one to six in published ones. */
export const FEW = 4;
/** Values of a file beyond which only some of its items are read. */
const MOST = 2 ** 31;
/** Values that are read at a time. */
const BLOCK = 2 ** 20;

/**
 * Statistics of hidden states, in one pass over the file and in float64.
 * @param most values to be read: of more, as many items at equal distances in file order as come to no more
 * @throws UserError for NaN or Inf in a file that is read from disk
 */
export function hiddenStateStatistics(
  { items, layers, features, read }: HiddenStates,
  most = MOST,
): HiddenStateStatistics {
  const width = layers * features;
  const every = Math.ceil((items * width) / most);
  const chosen = Array.from({ length: Math.ceil(items / every) }, (_, i) => i * every);
  const block = Math.max(1, Math.floor(BLOCK / width));
  const sums = Array.from({ length: layers }, () => new LayerSums(features));
  for (let at = 0; at < chosen.length; at += block) {
    const values = read(chosen.slice(at, at + block));
    for (let from = 0; from < values.length; from += features)
      sums[(from / features) % layers]!.add(values.subarray(from, from + features));
  }
  return { items: chosen.length, layers: sums.map((sum) => sum.statistics()) };
}

class LayerSums {
  private items = 0;
  private norms = 0;
  private largest = 0;
  /** Items that are not zero. */
  private directed = 0;
  /** By feature: sums of values, of their squares, and of values of vectors scaled to length 1. */
  private readonly values: Float64Array;
  private readonly squares: Float64Array;
  private readonly directions: Float64Array;

  constructor(features: number) {
    this.values = new Float64Array(features);
    this.squares = new Float64Array(features);
    this.directions = new Float64Array(features);
  }

  add(vector: Float32Array): void {
    let length = 0;
    for (let j = 0; j < vector.length; j++) {
      const value = vector[j]!;
      this.values[j]! += value;
      this.squares[j]! += value * value;
      length += value * value;
      this.largest = Math.max(this.largest, Math.abs(value));
    }
    const norm = Math.sqrt(length);
    this.items++;
    this.norms += norm;
    if (norm === 0) return;
    this.directed++;
    for (let j = 0; j < vector.length; j++) this.directions[j]! += vector[j]! / norm;
  }

  statistics(): LayerStatistics {
    const { items, directed } = this;
    const features = this.values.length;
    const squares = sum(this.squares) / items; // mean squared norm
    const mean = sum(this.values) / (items * features);
    const centre = squaredNorm(this.values) / items ** 2;
    const distance = Math.sqrt(Math.max(0, squares - centre));
    const few = this.squares.slice().sort().slice(-FEW);
    return {
      norm: this.norms / items,
      mean,
      sd: Math.sqrt(Math.max(0, squares / features - mean ** 2)),
      distance,
      largest: this.largest,
      fewShare: squares > 0 ? sum(few) / (items * squares) : NaN,
      // all pairs: the squared norm of the sum is the sum of all products, n of them of an item with itself
      cosine: directed > 1 ? (squaredNorm(this.directions) - directed) / (directed * (directed - 1)) : NaN,
      logits: (Math.sqrt(squares) * distance) / (2 * features),
    };
  }
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
const squaredNorm = (values: Float64Array) => values.reduce((total, value) => total + value * value, 0);

/** Columns of strings, three digits: a line a layer. What the columns mean stands in {@link LayerStatistics}. */
export function layerTable({ layers }: HiddenStateStatistics): { columns: string[]; rows: string[][] } {
  return {
    columns: ["layer", "norm", "mean", "sd", "distance", "largest", `top ${FEW}`, "cosine", "logits"],
    rows: layers.map(({ norm, mean, sd, distance, largest, fewShare, cosine, logits }, i) => [
      String(i + 1),
      ...[norm, mean, sd, distance, largest].map(short),
      Number.isNaN(fewShare) ? "–" : `${(100 * fewShare).toFixed(1)} %`,
      Number.isNaN(cosine) ? "–" : (Math.round(1000 * cosine) / 1000 + 0).toFixed(3), // + 0: never −0.000
      short(logits),
    ]),
  };
}

/** The same as lines, columns aligned. */
export function layerLines(statistics: HiddenStateStatistics): string[] {
  const { columns, rows } = layerTable(statistics);
  const all = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join("  "));
}

/** Ranges over the layers in a line. */
export function rangesLine({ layers }: HiddenStateStatistics): string {
  const range = (name: "norm" | "cosine" | "logits") => {
    const values = layers.map((layer) => layer[name]).filter((value) => !Number.isNaN(value));
    return values.length ? `${short(Math.min(...values))} to ${short(Math.max(...values))}` : "–";
  };
  const largest = short(Math.max(...layers.map((layer) => layer.largest)));
  return (
    `${layers.length} layers: norm ${range("norm")}, largest value ${largest}, cosine of two items ${range("cosine")}, ` +
    `logits of attention over the batch ${range("logits")}`
  );
}

const short = (value: number) => String(Number(value.toPrecision(3)));
