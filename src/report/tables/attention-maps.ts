/** Attention maps and predictions as cells store them, back to numbers. */
import { type DensityMap, importanceFactor, layerShares } from "../../attention/analysis.js";
import { decodeMap } from "../../experiments/outcome/maps.js";
import { decodeClasses } from "../../experiments/outcome/outcome.js";
import type { CellResult } from "../../experiments/types.js";
import { summarise } from "../../statistics/summary.js";

const present = <T>(list: (T | undefined)[]): T[] => list.filter((entry): entry is T => entry !== undefined);

type Items = "test" | "train";

/** A cell's last-epoch attention map, averaged over test or training items; undefined without density attention. */
function attentionMap({ attention }: CellResult, items: Items = "test"): DensityMap | undefined {
  const map = attention?.[items];
  if (!map) return undefined;
  const { layers, features } = attention;
  return { layers, features, values: decodeMap(map, layers * features) };
}

/** Importance factors [layers][features] of the cells' mean map; undefined when no cell has one. */
export function importanceFactors(
  results: readonly CellResult[],
  items: Items = "test",
): number[][] | undefined {
  const maps = present(results.map((result) => attentionMap(result, items)));
  if (!maps[0]) return undefined;
  const { layers, features } = maps[0];
  const values = Array.from(maps[0].values, (_, i) => summarise(maps.map((map) => map.values[i]!)).mean);
  const factors = importanceFactor({ layers, features, values });
  return Array.from({ length: layers }, (_, l) => [...factors.slice(l * features, (l + 1) * features)]);
}

/** Each layer's share of all attention in %, mean and sd over cells that have a map. */
export function sharesOfLayers(
  results: readonly CellResult[],
  items: Items = "test",
): { mean: number[]; sd: number[] } | undefined {
  const shares = present(results.map((result) => attentionMap(result, items))).map(layerShares);
  if (!shares[0]) return undefined;
  const layers = shares[0].map((_, layer) => summarise(shares.map((share) => 100 * share[layer]!)));
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
export const predictions = (
  result: CellResult,
  classes: number,
  protocol: "best" | "last" = "last",
): number[] => decodeClasses(result.predictions[protocol], classes);

/** Whether a cell learned nothing: one class is predicted for every test item. */
export const isCollapsed = (
  result: CellResult,
  classes: number,
  protocol: "best" | "last" = "last",
): boolean => new Set(predictions(result, classes, protocol)).size === 1;

/** How many cells of a row learned nothing by the last epoch. */
export const collapsedOf = (results: readonly CellResult[], classes: number): number =>
  results.filter((result) => isCollapsed(result, classes)).length;

/** Labels of a cell's test items, in the order of the feature file. */
export type TestLabels = (result: CellResult) => ArrayLike<number>;

/**
 * Last-epoch confusion counts [true][predicted], summed over cells; undefined when there is none.
 * @param labels needed where cells do not hold the matrix (beyond 20 classes).
 */
export function confusionCounts(
  results: readonly CellResult[],
  classes: number,
  labels?: TestLabels,
): number[][] | undefined {
  if (!results.length) return undefined;
  const sum = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const result of results) {
    if (result.confusion) {
      result.confusion.forEach((row, i) => row.forEach((n, j) => (sum[i]![j]! += n)));
      continue;
    }
    if (!labels) return undefined;
    const truth = labels(result);
    predictions(result, classes).forEach((predicted, i) => (sum[truth[i]!]![predicted]! += 1));
  }
  return sum;
}
