/** The paper's further claims, a sentence each, computed from cells: gain over dot products, stability, order, learned spread. */
import { mean, sampleRankCorrelation, sum } from "simple-statistics";
import type { CellResult, Task } from "../../experiments/types.js";
import { randomStream } from "../../random.js";
import { isCollapsed, learnedRange } from "../tables/attention-maps.js";
import { type ItemsOf, less, seedOf, steadied, type Term, withoutCollapsed } from "./paired.js";
import { DRAWS, percentiles } from "./resampling.js";
import { type Protocol, type ResultTable, rowOf, seesAll, summary, type TableRow } from "../tables/rows.js";
import { majority, plusMinus, summarise } from "../tables/statistics.js";
import { collapsedRuns, judgedText, points } from "./verdict.js";

/** How far the published dot-product attention, over the batch, is from chance. */
export function chanceSentence(table: ResultTable): string {
  const [published, corrected] = ["mha", "mha-layers"].map((name) => rowOf(table, name));
  const [batch, layers] = [published, corrected].map((row) => row && summary(row, "last"));
  if (!batch || !layers) return "";
  return (
    `Published MHA attends over the batch, so that a prediction depends on unrelated neighbours: ${batch.mean.toFixed(1)} % on ` +
    `${table.task.name} at the last epoch, where one class for every item gives ${floorOf(table.task, published!.results).toFixed(1)} % ` +
    `and MHA over the layers reaches ${layers.mean.toFixed(1)} %.`
  );
}

/** Accuracy in % of the most frequent class for every test item, mean over cells; of equal classes where cells do not tell. */
function floorOf({ classes }: Task, results: readonly CellResult[]): number {
  const floors = results.flatMap(({ confusion }) => (confusion ? majority(confusion.map(sum)) : []));
  return floors.length ? mean(floors) : 100 / classes.length;
}

/** Rows that learned nothing in some runs: at the last epoch one class is predicted for every test item. */
export function collapseSentence({ task, rows }: Pick<ResultTable, "task" | "rows">): string {
  const collapsed = rows.flatMap(({ title, results }) => {
    const n = results.filter((result) => isCollapsed(result, task.classes.length)).length;
    return n ? [`${title} (${n} of ${results.length} runs)`] : [];
  });
  return collapsed.length
    ? `One class for every test item at the last epoch: ${collapsed.join(", ")}. Means and differences include these runs.`
    : "";
}

/** Fewer accuracies than this have no spread worth an interval. */
const FEWEST = 5;

/**
 * Ratio of the sds of two rows over their shared seeds, with a 95 % bootstrap interval; over folds where there is one seed a fold.
 * Infinity where the second does not vary.
 */
export function sdRatio(
  task: Task,
  a: Pick<Term, "results">,
  b: Pick<Term, "results">,
  protocol: Protocol = "last",
): { ratio: number; over: "seeds" | "folds"; interval?: [number, number] } | undefined {
  const pairs = a.results.flatMap((left) => {
    const right = b.results.find(({ config }) => config.run === left.config.run);
    return right
      ? [{ run: left.config.run, values: [left[protocol].accuracy, right[protocol].accuracy] as const }]
      : [];
  });
  const folds = task.split === "folds" ? task.paperRuns.length : 1;
  const oneSeed = folds > 1 && new Set(pairs.map(({ run }) => seedOf(run, task))).size < 2;
  // what is resampled; its spread is taken within a fold where a fold has several seeds
  const units = new Map<number, { stratum: number; values: readonly [number, number] }[]>();
  for (const { run, values } of pairs) {
    const unit = oneSeed ? run : seedOf(run, task);
    const entry = { stratum: oneSeed ? 0 : (run - 1) % folds, values };
    units.set(unit, [...(units.get(unit) ?? []), entry]);
  }
  const drawn = [...units.values()];
  const ratio = ratioOfSds(drawn);
  if (drawn.length < 2 || Number.isNaN(ratio)) return undefined;
  const over = oneSeed ? "folds" : "seeds";
  if (drawn.length < FEWEST || ratio === Infinity) return { ratio, over };
  const random = randomStream(1, "sd ratio");
  const draw = () => ratioOfSds(drawn.map(() => drawn[random.below(drawn.length)]!));
  return { ratio, over, interval: percentiles(Float64Array.from({ length: DRAWS }, draw)) };
}

function ratioOfSds(units: { stratum: number; values: readonly [number, number] }[][]): number {
  const strata = new Map<number, (readonly [number, number])[]>();
  for (const { stratum, values } of units.flat())
    strata.set(stratum, [...(strata.get(stratum) ?? []), values]);
  const squares = (row: 0 | 1) =>
    [...strata.values()].reduce((sum, entries) => {
      const mean = entries.reduce((part, values) => part + values[row], 0) / entries.length;
      return sum + entries.reduce((part, values) => part + (values[row] - mean) ** 2, 0);
    }, 0);
  // equal accuracies differ by the rounding of their mean
  return squares(1) < 1e-12 ? Infinity : Math.sqrt(squares(0) / squares(1));
}

const ratioText = ({ ratio, interval }: { ratio: number; interval?: [number, number] }) =>
  `${ratio.toFixed(2)} (${interval?.map((end) => end.toFixed(2)).join(" to ") ?? "too few for an interval"})`;

/** Spread of DAAMv1 against other rows, also without runs in which one of the two learned nothing: a few of these are a spread of their own. */
export function stabilitySentence(table: ResultTable): string {
  const density = rowOf(table, "daam-v1");
  const parts = ["mha", "mha-layers", "no-attention"].flatMap((name) => {
    const row = rowOf(table, name);
    const found = density && row && sdRatio(table.task, density, row);
    if (!found) return [];
    const { ratio, over } = found;
    if (ratio === Infinity) return [{ over, text: `${row.title} does not vary` }];
    const { terms, collapsed } = withoutCollapsed(table.task, less(density, row), "last");
    const steady = collapsed ? sdRatio(table.task, terms[0]!, terms[1]!) : undefined;
    const without = collapsed
      ? `; without ${collapsedRuns(collapsed)} ${steady && steady.ratio < Infinity ? ratioText(steady) : "too few are left"}`
      : "";
    return [{ over, text: `${row.title} ${ratioText(found)}${without}` }];
  });
  if (!parts.length) return "";
  return (
    `Stability on ${table.task.name}, sd of DAAMv1 over ${parts[0]!.over} ÷ sd of another row, below 1 where DAAMv1 is more stable: ` +
    `${parts.map(({ text }) => text).join(", ")} (last epoch).`
  );
}

/** Rank correlation of the published decoders with the paper; rows of LoRA saw fewer items here and are left out. */
export function orderSentence(table: ResultTable): string {
  const both = table.rows.filter((row) => row.paper && row.results.length && seesAll(row));
  if (both.length < 3) return "";
  const correlation = (protocol: Protocol) =>
    sampleRankCorrelation(
      both.map((row) => row.paper!.cells.mean),
      both.map((row) => summary(row, protocol)!.mean),
    )
      .toFixed(2)
      .replace("-", "−");
  return (
    `Order of the ${both.length} published decoders on ${table.task.name}: rank correlation with the paper ` +
    `${correlation("best")} (best epoch), ${correlation("last")} (last epoch).`
  );
}

const densityRows = ["daam-v1", "daam-v2", "gqdaam", "mixture"];

/**
 * "Up to about 20 points over dot-product attention": the largest difference of means that a row with density attention has. The interval is
 * that row's own and knows nothing of the choice.
 */
export function gainSentence(table: ResultTable, itemsOf?: ItemsOf): string {
  const rows = densityRows.flatMap((name) => rowOf(table, name) ?? []);
  const largest = (over: string, meanOf: (row: TableRow) => number | undefined) => {
    const reference = rowOf(table, over);
    const base = reference && meanOf(reference);
    const gains = rows.flatMap((row) => {
      const value = meanOf(row);
      return base === undefined || value === undefined ? [] : [{ row, reference, gain: value - base }];
    });
    return gains.sort((a, b) => b.gain - a.gain)[0];
  };
  const here = (over: string) => {
    const found = largest(over, (row) => summary(row, "best")?.mean);
    if (!found) return undefined;
    const { row, reference } = found;
    return `${judgedText(steadied(table.task, less(row, reference!), "best", itemsOf))} (${row.title})`;
  };
  const paper = largest("mha", (row) => row.paper?.cells.mean);
  const [published, layers] = [here("mha"), here("mha-layers")];
  if (!published) return "";
  return (
    `Largest gain of a row with density attention over dot-product attention on ${table.task.name}, means of best epochs, intervals not ` +
    "corrected for the choice: " +
    `${paper ? `the paper ${points(paper.gain)} (${paper.row.title}); ` : ""}here ${published} over MHA as published` +
    `${layers ? `, ${layers} over MHA over the layers` : ""}.`
  );
}

/** The paper finds more learned spread where data are less stationary: speech, then text, then vision. */
export function spreadSentence(tables: readonly ResultTable[]): string {
  const found = tables.flatMap((table) => {
    const results = rowOf(table, "daam-v1")?.results ?? [];
    const ranges = results.flatMap((result) => learnedRange([result]) ?? []);
    if (!ranges.length) return [];
    const width = (key: "meanOffset" | "scaledVariance") =>
      summarise(ranges.map(({ [key]: [low, high] }) => high - low));
    return [
      {
        task: table.task.name,
        rate: results[0]!.config.learningRate,
        offset: width("meanOffset"),
        variance: width("scaledVariance"),
      },
    ];
  });
  if (!found.length) return "";
  const order = (key: "offset" | "variance") =>
    [...found]
      .sort((a, b) => b[key].mean - a[key].mean)
      .map(({ task }) => task)
      .join(" > ");
  const widths = found.map(
    ({ task, rate, offset, variance }) =>
      `${task} δ ${plusMinus(offset, 2)}, c ${plusMinus(variance, 2)} (rate ${rate})`,
  );
  const outcome =
    new Set(found.map(({ rate }) => rate)).size > 1
      ? "A larger learning rate alone widens it, and the rates differ: no test of the claim."
      : `Order here: by δ ${order("offset")}; by c ${order("variance")}.`;
  return (
    "Width (largest − smallest value) of what DAAMv1 learned, mean ± sd over runs (the paper: speech > text > vision): " +
    `${widths.join("; ")}. ${outcome}`
  );
}
