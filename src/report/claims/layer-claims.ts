/** Does the importance factor find the layers that matter? A sentence each on retrained decoders and on the untrained map. */
import { sampleCorrelation } from "simple-statistics";
import { paperHighLow } from "../../experiments/paper.js";
import type { CellResult, Task } from "../../experiments/types.js";
import { sharesOfLayers } from "../tables/attention-maps.js";
import { difference, type ItemsOf, type Term, withoutCollapsed } from "./paired.js";
import type { TableRow } from "../tables/rows.js";
import { runsText } from "../tables/tables.js";
import { differenceText, points } from "./verdict.js";

/** Variants of the ablation of high against low layers, by method. */
export type LayerEntries = readonly { row: TableRow }[];

/**
 * Whether density attention gains more from its own choice of layers than a decoder without attention does: high less low layers of
 * DAAMv2, of no attention, and the difference of the two, last epoch; empty without these cells.
 */
export function layersSentence(task: Task, entries: LayerEntries, itemsOf?: ItemsOf): string {
  const term = (name: string, sign: 1 | -1): Term => ({
    results: entries.find(({ row }) => row.method?.name === name)?.row.results ?? [],
    sign,
  });
  const [density, plain] = ["daam-v2", "no-attention"].map((name) => [
    term(`${name}-highest`, 1),
    term(`${name}-lowest`, -1),
  ]) as [Term[], Term[]];
  const more = [...density, ...plain.map(({ results, sign }) => ({ results, sign: -sign as 1 | -1 }))];
  const gaps = (all: readonly Term[]) =>
    [density, plain, more].map((terms) => difference(task, runsOf(terms, all), "last", itemsOf));
  const [a, b, c] = gaps(more);
  if (!a || !b || !c) return "";
  const paper = (paperHighLow as Record<string, (typeof paperHighLow)["speech"]>)[task.name];
  const printed = paper ? ` (the paper: ${points(paper.high.mean - paper.low.mean)}, without a control)` : "";
  const { terms: kept, collapsed } = withoutCollapsed(task, more, "last");
  const [steadyDensity, steadyPlain, steadyMore] = collapsed ? gaps(kept) : [];
  const without = !collapsed
    ? ""
    : ` In ${collapsed} of ${c.runs} a decoder predicts one class for every item` +
      (steadyMore
        ? `; without these DAAMv2 ${differenceText(steadyDensity)}, no attention ${differenceText(steadyPlain)}, larger by ${differenceText(steadyMore)}.`
        : ": this says nothing on the layers.");
  return (
    `Accuracy on the three layers of highest attention less that on the three of lowest, ${task.name}, ${runsText(task, c.runs)}: ` +
    `DAAMv2 ${differenceText(a)}${printed}; no attention on the same layers ${differenceText(b)}; DAAMv2's gap is larger by ` +
    `${differenceText(c)}.${without}`
  );
}

/** Terms of the runs that all of `others` have. */
function runsOf(terms: readonly Term[], others: readonly Term[]): Term[] {
  const shared = (run: number) =>
    others.every(({ results }) => results.some(({ config }) => config.run === run));
  return terms.map(({ results, sign }) => ({
    results: results.filter(({ config }) => shared(config.run)),
    sign,
  }));
}

/**
 * How alike the layers' shares of attention are before training (density attention frozen at δ = 0, c = 2) and after it; empty without
 * both cells of a run.
 */
export function untrainedSentence(
  task: Task,
  frozen: readonly CellResult[],
  trained: readonly CellResult[],
): string {
  const [before] = frozen;
  const after = trained.find(({ config }) => config.run === before?.config.run);
  const [a, b] = [before, after].map((cell) => cell && sharesOfLayers([cell])?.mean);
  if (!a || !b) return "";
  return (
    `Shares of the layers in DAAMv1's attention on ${task.name}, before training (δ = 0, c = 2) and after: correlation ` +
    `${sampleCorrelation(a, b).toFixed(2)} over ${a.length} layers, one run. Close to 1, the map shows where the values of the hidden states ` +
    "lie, not what was learned."
  );
}
