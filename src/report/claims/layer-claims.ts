/** Does the importance factor find the layers that matter? Tables on retrained decoders and on the untrained map. */
import { sampleCorrelation } from "simple-statistics";
import { paperHighLow } from "../../experiments/paper.js";
import type { CellResult, Task } from "../../experiments/types.js";
import { sharesOfLayers } from "../tables/attention-maps.js";
import type { TableRow } from "../tables/rows.js";
import { runsText } from "../tables/tables.js";
import type { TextTable } from "../tables/text-table.js";
import { sortedRates } from "../tables/search.js";
import { points, rateText } from "../tables/words.js";
import { judgeFamily } from "./judge.js";
import { difference, type ItemsOf, type Term, withoutCollapsed } from "./paired.js";
import { differenceText, smallestText } from "./verdict.js";

/** Variants of the ablation of high against low layers, by method. */
export type LayerEntries = readonly { row: TableRow }[];

/** How to read {@link layersTable}. */
export const layersNote =
  "Accuracy on the three layers of highest attention less that on the three of lowest, last epoch. If high layers are better without " +
  "density attention too, they are better layers; the last line of a task says whether DAAMv2 gains more from the choice. Better: the high " +
  "layers are, or DAAMv2's gap is larger. Verdicts are corrected for the three lines of a task.";

/**
 * Whether density attention gains more from its own choice of layers than a decoder without attention does: high less low layers of
 * DAAMv2, of no attention, and the difference of the two, last epoch; no rows without these cells.
 */
export function layersTable(task: Task, entries: LayerEntries, itemsOf?: ItemsOf): TextTable {
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
    judgeFamily([density, plain, more].map((terms) => difference(task, runsOf(terms, all), "last", itemsOf)));
  const found = gaps(more);
  const { terms: kept, collapsed } = withoutCollapsed(task, more, "last");
  const steady = collapsed ? gaps(kept) : [];
  const paper = (paperHighLow as Record<string, (typeof paperHighLow)["speech"]>)[task.name];
  const rates = [density, plain].map((terms) =>
    sortedRates(terms.flatMap(({ results }) => results))
      .map(rateText)
      .join(", "),
  );
  const apart = rates[0] === rates[1] ? "" : `, at different rates (${rates.join("; ")})`;
  const titles = [
    "DAAMv2, high − low",
    "no attention, high − low",
    `DAAMv2's gap − that of no attention${apart}`,
  ];
  return {
    columns: [
      "task",
      "difference",
      "runs",
      "paper",
      "here",
      "found from",
      "verdict",
      "without collapsed runs",
    ],
    rows: found.flatMap((gap, i) =>
      gap
        ? [
            [
              task.name,
              titles[i]!,
              runsText(task, gap.runs),
              paper && i === 0 ? points(paper.high.mean - paper.low.mean) : "–",
              differenceText(gap),
              smallestText(gap),
              gap.verdict,
              !collapsed
                ? ""
                : steady[i]
                  ? `${differenceText(steady[i])} (${gap.runs - collapsed} left)`
                  : "none left",
            ],
          ]
        : [],
    ),
  };
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
