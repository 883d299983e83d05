/** Attention maps and predictions as cells store them, back to numbers. */
import type { CellResult } from "../experiments/types.js";
import { summarise } from "./statistics.js";

const present = <T>(list: (T | undefined)[]): T[] => list.filter((entry): entry is T => entry !== undefined);

type Items = "test" | "train";

/** A cell's attention map [layers][features], averaged over test or training items; undefined without density attention. */
export function attentionMap({ attention }: CellResult, items: Items = "test"): number[][] | undefined {
  if (!attention) return undefined;
  const bytes = Buffer.from(attention[items], "base64");
  return Array.from({ length: attention.layers }, (_, layer) =>
    Array.from({ length: attention.features }, (_, feature) =>
      bytes.readFloatLE(4 * (layer * attention.features + feature)),
    ),
  );
}

/** Mean of the cells' maps [layers][features]; undefined when none has one. */
export function meanAttentionMap(
  results: readonly CellResult[],
  items: Items = "test",
): number[][] | undefined {
  const maps = present(results.map((result) => attentionMap(result, items)));
  return maps[0]?.map((row, l) =>
    row.map((_, f) => maps.reduce((sum, map) => sum + map[l]![f]!, 0) / maps.length),
  );
}

/** (DA − min DA) / (max DA − min DA) of a map: the paper's importance factor. A constant map gives zeros. */
export function importanceFactors(map: number[][]): number[][] {
  const [low, high] = [
    Math.min(...map.map((row) => Math.min(...row))),
    Math.max(...map.map((row) => Math.max(...row))),
  ];
  return map.map((row) => row.map((value) => (high > low ? (value - low) / (high - low) : 0)));
}

/** Each layer's share of all attention in %, mean and sd over cells that have a map. */
export function shareOfLayers(
  results: readonly CellResult[],
  items: Items = "test",
): { mean: number[]; sd: number[] } | undefined {
  const shares = present(results.map((result) => attentionMap(result, items))).map((map) => {
    const sums = map.map((row) => row.reduce((sum, value) => sum + value, 0));
    const total = sums.reduce((sum, value) => sum + value, 0);
    return sums.map((sum) => (100 * sum) / total);
  });
  if (!shares[0]) return undefined;
  const layers = shares[0].map((_, layer) => summarise(shares.map((share) => share[layer]!)));
  return { mean: layers.map(({ mean }) => mean), sd: layers.map(({ sd }) => sd) };
}

/** Widest learned range over cells: [lowest minimum, highest maximum] of δ and of c. */
export function learnedRange(results: readonly CellResult[]): CellResult["learned"] {
  const learned = present(results.map((result) => result.learned));
  if (!learned.length) return undefined;
  const widest = (key: "meanOffset" | "scaledVariance"): [number, number] => [
    Math.min(...learned.map((range) => range[key][0])),
    Math.max(...learned.map((range) => range[key][1])),
  ];
  return { meanOffset: widest("meanOffset"), scaledVariance: widest("scaledVariance") };
}

/** Predicted classes of a cell's test items, in the order of the feature file. */
export function predictions(
  result: CellResult,
  classes: number,
  protocol: "best" | "last" = "last",
): number[] {
  const bytes = Buffer.from(result.predictions[protocol], "base64");
  if (classes <= 256) return [...bytes];
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
}

/**
 * Last-epoch confusion counts [true][predicted], summed over cells.
 * @param labels of a cell's test items; needed where cells do not hold the matrix (beyond 20 classes).
 */
export function confusion(
  results: readonly CellResult[],
  classes: number,
  labels?: (result: CellResult) => ArrayLike<number>,
): number[][] | undefined {
  const sum = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const result of results) {
    if (result.confusion) {
      result.confusion.forEach((row, i) => row.forEach((n, j) => (sum[i]![j]! += n)));
    } else if (labels) {
      const truth = labels(result);
      predictions(result, classes).forEach((predicted, i) => sum[truth[i]!]![predicted]!++);
    } else return undefined;
  }
  return results.length ? sum : undefined;
}
