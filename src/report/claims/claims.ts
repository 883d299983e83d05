/** The paper's further claims, a table each, computed from cells: gain over dot products, stability, order, learned spread. */
import { mean, sampleRankCorrelation, sum } from "simple-statistics";
import { blockOf, seedOf } from "../../experiments/plan/tasks.js";
import type { CellResult, Task } from "../../experiments/types.js";
import { ratioOfSds } from "../../statistics/spread.js";
import { majority, summarise } from "../../statistics/summary.js";
import { collapsedOf, learnedRange } from "../tables/attention-maps.js";
import {
  atEachRate,
  type Protocol,
  type ResultTable,
  rowAt,
  rowOf,
  seesAll,
  severalRates,
  summary,
  type TableRow,
} from "../tables/rows.js";
import type { TextTable } from "../tables/text-table.js";
import { plusMinus, points, rateText } from "../tables/words.js";
import { judgeFamily } from "./judge.js";
import { type ItemsOf, less, steadied, type Term, withoutCollapsed } from "./paired.js";
import { collapsedRuns, judgedText } from "./verdict.js";

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
  const collapsed = rows.flatMap(({ title, results, byRate }) => {
    const several = byRate.length > 1;
    const counts = (several ? byRate : [{ rate: 0, results }]).flatMap((at) => {
      const n = collapsedOf(at.results, task.classes.length);
      return n ? [`${n} of ${at.results.length} runs${several ? ` at ${rateText(at.rate)}` : ""}`] : [];
    });
    return counts.length ? [`${title} (${counts.join(", ")})`] : [];
  });
  return collapsed.length
    ? `One class for every test item at the last epoch: ${collapsed.join(", ")}. Means and differences include these runs.`
    : "";
}

/** Fewer accuracies than this have no spread worth an interval. */
const FEWEST = 5;

/**
 * Ratio of the sds of two rows over their shared seeds, within a fold where there are folds, with its 95 % interval; over folds where
 * there is one seed a fold. Infinity where the second does not vary; undefined where neither does, or there are too few runs.
 */
export function sdRatio(
  task: Task,
  a: Pick<Term, "results">,
  b: Pick<Term, "results">,
  protocol: Protocol = "last",
): { ratio: number; over: "seeds" | "folds"; interval?: [number, number] } | undefined {
  const pairs = a.results.flatMap((left) => {
    const { run } = left.config;
    const right = b.results.find(({ config }) => config.run === run);
    return right ? [{ run, pair: [left[protocol].accuracy, right[protocol].accuracy] as const }] : [];
  });
  const seeds = new Set(pairs.map(({ run }) => seedOf(run, task)));
  const over = task.split === "folds" && seeds.size < 2 ? "folds" : "seeds";
  const groups = new Map<number, (readonly [number, number])[]>();
  for (const { run, pair } of pairs) {
    const group = over === "folds" ? 0 : blockOf(run, task);
    groups.set(group, [...(groups.get(group) ?? []), pair]);
  }
  const found = pairs.length > groups.size ? ratioOfSds([...groups.values()], FEWEST) : undefined;
  return found && !Number.isNaN(found.ratio) ? { over, ...found } : undefined;
}

const ratioText = ({ ratio, interval }: { ratio: number; interval?: [number, number] }) =>
  ratio === Infinity
    ? "does not vary"
    : `${ratio.toFixed(2)} (${interval?.map((end) => end.toFixed(2)).join(" to ") ?? "too few for an interval"})`;

/** Rows that the spread of DAAMv1 is set against. */
const beside = ["mha", "mha-layers", "no-attention"];

/** How to read {@link stabilityTable}. */
export const stabilityNote =
  "Sd of DAAMv1 ÷ sd of another row at the last epoch, below 1 where DAAMv1 is more stable; in brackets the 95 % interval of paired runs (Pitman " +
  "and Morgan), for these test items. It takes runs for normal, so that there is none where runs collapsed, which are a spread of their own: what is left " +
  "without these stands beside it.";

/** Where a table of findings has rows at several rates, which of them a line is of; "chosen" where each row has its own. */
const ratesColumn = (tables: readonly ResultTable[]) =>
  tables.some((table) => severalRates(table).length) ? ["rate"] : [];

/** A line of findings with its rate, where {@link ratesColumn} is there. */
const withRate = (tables: readonly ResultTable[], rates: string, [task, ...rest]: string[]) => [
  task!,
  ...ratesColumn(tables).map(() => rates),
  ...rest,
];

/** Spread of DAAMv1 against other rows: a line a task and row, at each rate where there are several. */
export function stabilityTable(tables: readonly ResultTable[]): TextTable {
  const rows = tables.flatMap(atEachRate).flatMap(({ rates, table }) => {
    const density = rowOf(table, "daam-v1");
    return beside.flatMap((name) => {
      const row = rowOf(table, name);
      const found = density && row && sdRatio(table.task, density, row);
      if (!found) return [];
      const { terms, collapsed } = withoutCollapsed(table.task, less(density, row), "last");
      const steady = collapsed ? sdRatio(table.task, terms[0]!, terms[1]!) : undefined;
      const without = collapsed
        ? `${steady ? ratioText(steady) : "too few are left"}; ${collapsedRuns(collapsed)}`
        : "";
      const ratio = collapsed && found.ratio < Infinity ? found.ratio.toFixed(2) : ratioText(found);
      return [withRate(tables, rates, [table.task.name, row.title, found.over, ratio, without])];
    });
  });
  return {
    columns: [
      "task",
      ...ratesColumn(tables),
      "sd of DAAMv1 ÷ sd of",
      "over",
      "ratio",
      "without collapsed runs",
    ],
    rows,
  };
}

/** Rank correlation of the published decoders with the paper, a line a task; rows of LoRA saw fewer items here and are left out. */
export function orderTable(tables: readonly ResultTable[]): TextTable {
  const rows = tables.flatMap(atEachRate).flatMap(({ rates, table }) => {
    const both = table.rows.filter((row) => row.paper && row.results.length && seesAll(row));
    if (both.length < 3) return [];
    const correlation = (protocol: Protocol) =>
      sampleRankCorrelation(
        both.map((row) => row.paper!.cells.mean),
        both.map((row) => summary(row, protocol)!.mean),
      )
        .toFixed(2)
        .replace("-", "−");
    const line = [table.task.name, String(both.length), correlation("best"), correlation("last")];
    return [withRate(tables, rates, line)];
  });
  return {
    columns: ["task", ...ratesColumn(tables), "published decoders", "best epoch", "last epoch"],
    rows,
  };
}

const densityRows = ["daam-v1", "daam-v2", "gqdaam", "mixture"];

/** How to read {@link gainTable}. */
export const gainNote =
  "“Up to about 20 points over dot-product attention”: the largest difference of means, best epochs, that a row with density attention has " +
  "over dot products, at the same rate and, where rows chose different ones, each at its own. Verdicts are corrected for all four rows with density attention and both forms of dot products, intervals are not.";

/** The largest gain over dot products, as published and over the layers: a line a task and form, at each rate where there are several. */
export function gainTable(tables: readonly ResultTable[], itemsOf?: ItemsOf): TextTable {
  const rows = tables.flatMap(atEachRate).flatMap(({ rates, table }) => {
    const density = densityRows.flatMap((name) => rowOf(table, name) ?? []);
    const pairs = ["mha", "mha-layers"].flatMap((name) => {
      const reference = rowOf(table, name);
      return reference ? density.map((row) => ({ row, reference })) : [];
    });
    const judged = judgeFamily(
      pairs.map(({ row, reference }) => steadied(table.task, less(row, reference), "best", itemsOf)),
    );
    const gains = pairs.flatMap((pair, i) => (judged[i] ? [{ ...pair, found: judged[i] }] : []));
    return ["mha", "mha-layers"].flatMap((name) => {
      const [largest] = gains
        .filter(({ reference }) => reference.method!.name === name)
        .sort((a, b) => b.found.mean - a.found.mean);
      if (!largest) return [];
      const { row, reference, found } = largest;
      return [
        withRate(tables, rates, [
          table.task.name,
          reference.title,
          paperGain(reference, density),
          row.title,
          judgedText(found),
          found.verdict,
        ]),
      ];
    });
  });
  return {
    columns: ["task", ...ratesColumn(tables), "over", "paper", "here", "largest gain", "verdict"],
    rows,
  };
}

/** "+5.5 (Mixture of DAAM)". */
function paperGain(reference: TableRow, rows: readonly TableRow[]): string {
  const [first] = rows
    .flatMap(({ paper, title }) =>
      paper && reference.paper ? [{ title, gain: paper.cells.mean - reference.paper.cells.mean }] : [],
    )
    .sort((a, b) => b.gain - a.gain);
  return first ? `${points(first.gain)} (${first.title})` : "–";
}

/** What DAAMv1 learned, a line a task and rate, the chosen one marked. The paper finds more spread where data are less stationary. */
export function spreadTable(tables: readonly ResultTable[]): TextTable {
  const rows = tables.flatMap((table) => {
    const row = rowOf(table, "daam-v1");
    return (row?.byRate ?? []).flatMap(({ rate }) => {
      const ranges = rowAt(row!, rate).results.flatMap((result) => learnedRange([result]) ?? []);
      if (!ranges.length) return [];
      const width = (key: "meanOffset" | "scaledVariance") =>
        plusMinus(summarise(ranges.map(({ [key]: [low, high] }) => high - low)), 2);
      const chosen = row!.byRate.length > 1 && rate === row!.chosen ? " (chosen)" : "";
      return [[table.task.name, width("meanOffset"), width("scaledVariance"), rateText(rate) + chosen]];
    });
  });
  return { columns: ["task", "width of δ", "width of c", "rate"], rows };
}

/** How to read {@link spreadTable}. */
export const spreadNote =
  "Width (largest − smallest value) of what DAAMv1 learned, mean ± sd over runs; the paper: speech > text > vision. A larger rate alone " +
  "widens it: only lines of the same rate tell the order of the tasks.";
