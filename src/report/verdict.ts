/** What the tables say about the paper's claims: differences with their uncertainty, and sentences computed from them. */
import { sampleRankCorrelation } from "simple-statistics";
import { learnedRange } from "./attention-maps.js";
import { type Protocol, type ResultTable, rowOf, summary, values } from "./rows.js";
import { type Difference, pairedDifference } from "./statistics.js";
import type { TextTable } from "./tables.js";

/** Two rows of one table, of which the paper says that the first is better. */
export interface Comparison {
  claim: string;
  better: string;
  worse: string;
}

export const comparisons: readonly Comparison[] = [
  { claim: "Density attention beats dot-product attention as published", better: "daam-v1", worse: "mha" },
  {
    claim: "Density attention beats dot-product attention over the layers",
    better: "daam-v1",
    worse: "mha-layers",
  },
  { claim: "Density attention beats no attention", better: "daam-v1", worse: "no-attention" },
  {
    claim: "Density attention beats softmax weights of the layers",
    better: "daam-v1",
    worse: "softmax-weights",
  },
  { claim: "GQDAAM beats grouped-query attention without density", better: "gqdaam", worse: "gqa" },
  { claim: "The mixture outperforms DAAMv1", better: "mixture", worse: "daam-v1" },
  { claim: "The mixture outperforms DAAMv2", better: "mixture", worse: "daam-v2" },
];

export type Verdict = "holds" | "contradicted" | "undecided";

/** Holds or contradicted when the 95 % interval leaves 0 out. */
export function judge({ low, high }: Difference): Verdict {
  return low > 0 ? "holds" : high < 0 ? "contradicted" : "undecided";
}

/** Difference of a comparison in points over the runs that both rows have; undefined without such runs. */
export function difference(
  table: ResultTable,
  { better, worse }: Comparison,
  protocol: Protocol,
): Difference | undefined {
  const [a, b] = [rowOf(table, better), rowOf(table, worse)];
  if (!a || !b) return undefined;
  const shared = (row: typeof a, other: typeof a) => ({
    ...row,
    results: row.results.filter(({ config }) =>
      other.results.some((result) => result.config.run === config.run),
    ),
  });
  const [left, right] = [values(shared(a, b), protocol), values(shared(b, a), protocol)];
  return left.length ? pairedDifference(left, right) : undefined;
}

const points = (value: number) => `${Number(value.toFixed(1)) < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;

/** "+3.2 (1.0 to 5.4)", or the difference alone for a single run. */
function differenceText(found: Difference | undefined): string {
  if (!found) return "not run yet";
  const interval = Number.isFinite(found.low)
    ? ` (${points(found.low)} to ${points(found.high)})`
    : " (one run)";
  return points(found.mean) + interval;
}

/** Differences in points for every claim and task, both protocols; the verdict is the last epoch's. */
export function claimsTable(tables: readonly ResultTable[]): TextTable {
  return {
    columns: ["claim", "task", "paper", "here, best epoch", "here, last epoch", "verdict"],
    rows: comparisons.flatMap((comparison) =>
      tables.map((table, t) => {
        const last = difference(table, comparison, "last");
        const [a, b] = [rowOf(table, comparison.better)?.paper, rowOf(table, comparison.worse)?.paper];
        return [
          t ? "" : comparison.claim,
          table.task.name,
          a && b ? points(a.cells.mean - b.cells.mean) : "–",
          differenceText(difference(table, comparison, "best")),
          differenceText(last),
          last ? judge(last) : "–",
        ];
      }),
    ),
  };
}

/** Which claims hold, are contradicted or stay undecided under a protocol, and on which tasks: a line each. */
export function verdictSummary(tables: readonly ResultTable[], protocol: Protocol): string[] {
  const judged = comparisons.flatMap((comparison) =>
    tables.flatMap((table) => {
      const found = difference(table, comparison, protocol);
      return found ? [{ claim: comparison.claim, task: table.task.name, verdict: judge(found) }] : [];
    }),
  );
  return (["holds", "contradicted", "undecided"] as const).map((verdict) => {
    const found = judged.filter((entry) => entry.verdict === verdict);
    const claims = [...new Set(found.map(({ claim }) => claim))].map((claim) => {
      const tasks = found.filter((entry) => entry.claim === claim).map(({ task }) => task);
      return `${claim} (${tasks.join(", ")})`;
    });
    return `${verdict}, ${found.length} of ${judged.length}: ${claims.join("; ") || "none"}`;
  });
}

/** How to read {@link claimsTable}. */
export const claimsNote =
  "Differences in points of accuracy; in brackets the 95 % interval of Student's t over runs that share data and seeds. It speaks of the " +
  "spread over runs or folds alone, not of other data or encoders, and of so many intervals one in twenty misses by chance. A claim " +
  "holds, or is contradicted, where the interval of the last epoch leaves out 0.";

/** One sentence a claim, computed from the last epoch. */
export function claimSentences(tables: readonly ResultTable[]): string[] {
  return comparisons.map((comparison) => {
    const { better, worse } = comparison;
    const title = (method: string) => rowOf(tables[0]!, method)?.title ?? method;
    const parts = tables.map((table) => {
      const found = difference(table, comparison, "last");
      return `${table.task.name} ${differenceText(found)}: ${found ? judge(found) : "open"}`;
    });
    return `${comparison.claim} (${title(better)} − ${title(worse)}): ${parts.join("; ")}.`;
  });
}

/** How far the published dot-product attention, over the batch, is from chance. */
export function chanceSentence(table: ResultTable): string {
  const [published, corrected] = ["mha", "mha-layers"].map((name) => rowOf(table, name));
  const [batch, layers] = [published, corrected].map((row) => row && summary(row, "last"));
  if (!batch || !layers) return "";
  return (
    `Published MHA attends over the batch, so that a prediction depends on unrelated neighbours: ${batch.mean.toFixed(1)} % on ` +
    `${table.task.name} at the last epoch, where chance is ${(100 / table.task.classes.length).toFixed(0)} % and MHA over the layers ` +
    `reaches ${layers.mean.toFixed(1)} %.`
  );
}

/** Further claims: stability, order of the rows, parameters, learned spread. */
export function furtherSentences(tables: readonly ResultTable[]): string[] {
  return [...tables.map(stability), ...tables.map(order), ...parameters(tables[0]), spread(tables)].filter(
    (text) => text,
  );
}

function stability(table: ResultTable): string {
  const text = (method: string) => {
    const [row, found] = [rowOf(table, method), summary(rowOf(table, method) ?? emptyRow, "last")];
    return found && found.n > 1 ? `${row!.title} ${found.sd.toFixed(1)}` : undefined;
  };
  const sds = ["daam-v1", "daam-v2", "mixture", "gqdaam", "mha", "mha-layers", "no-attention"].map(text);
  const known = sds.filter((entry) => entry);
  return known.length
    ? `Stability on ${table.task.name}, sd over runs at the last epoch: ${known.join(", ")}.`
    : "";
}

const emptyRow = { title: "", group: "recorded" as const, results: [] };

function order(table: ResultTable): string {
  const both = table.rows.filter((row) => row.paper && row.results.length);
  if (both.length < 3) return "";
  const correlation = (protocol: Protocol) =>
    sampleRankCorrelation(
      both.map((row) => row.paper!.cells.mean),
      both.map((row) => summary(row, protocol)!.mean),
    ).toFixed(2);
  return (
    `Order of the ${both.length} published rows on ${table.task.name}: rank correlation with the paper ` +
    `${correlation("best")} (best epoch), ${correlation("last")} (last epoch).`
  );
}

function parameters(table: ResultTable | undefined): string[] {
  const attention = (method: string) => table && rowOf(table, method)?.results[0]?.parameters.attention;
  const [density, grouped] = [attention("daam-v1"), attention("gqa")];
  if (!density || !grouped) return [];
  const share = ((100 * density) / grouped).toFixed(1);
  return [
    `Parameters of attention here: DAAMv1 ${density.toLocaleString("en")}, grouped-query attention ${grouped.toLocaleString("en")}: ` +
      `${share} % (the paper says 0.016–0.08 %; by count at its sizes it is 1.4–2.4 %).`,
  ];
}

/** The paper finds more learned spread where data are less stationary: speech, then text, then vision. */
function spread(tables: readonly ResultTable[]): string {
  const widths = tables.map((table) => {
    const range = learnedRange(rowOf(table, "daam-v1")?.results ?? []);
    const width = ([low, high]: [number, number]) => (high - low).toFixed(3);
    return range && `${table.task.name} δ ${width(range.meanOffset)}, c ${width(range.scaledVariance)}`;
  });
  const known = widths.filter((entry) => entry);
  return known.length
    ? `Width of what DAAMv1 learned (the paper: speech > text > vision): ${known.join("; ")}.`
    : "";
}
