/** What the tables say about the paper's claims: paired differences with their uncertainty, a verdict each. */
import { type Difference, type ItemsOf, less, type Steadied, steadied } from "./paired.js";
import { holm } from "./resampling.js";
import { type Protocol, type ResultTable, rowOf, seesAll, summary } from "../tables/rows.js";
import { notRun } from "../tables/statistics.js";
import type { TextTable } from "../tables/tables.js";

/** Two rows of one table, of which the paper says that the first is better. */
export interface Comparison {
  claim: string;
  better: string;
  worse: string;
  /** The row whose figure in the paper is the first one's, where that row is not the paper's. */
  paperBetter?: string;
}

const overLora = ["LoRA", "LoRA+"].flatMap((title) =>
  [4, 8].flatMap((rank): Comparison[] => {
    const name = `${title === "LoRA" ? "lora" : "lora-plus"}-${rank}`;
    return [
      {
        claim: `DAAMv1 beats ${title} (r=${rank}) as published, on the same items`,
        better: "daam-v1-few",
        worse: name,
        paperBetter: "daam-v1",
      },
      {
        claim: `DAAMv1 beats standard ${title} (r=${rank}) on the same items`,
        better: "daam-v1-few",
        worse: `${name}-standard`,
      },
    ];
  }),
);

/** The first is the headline: what the attention module adds to the same decoder. */
export const comparisons: readonly Comparison[] = [
  { claim: "Density attention beats no attention", better: "daam-v1", worse: "no-attention" },
  { claim: "Density attention beats dot-product attention as published", better: "daam-v1", worse: "mha" },
  {
    claim: "Density attention beats dot-product attention over the layers",
    better: "daam-v1",
    worse: "mha-layers",
  },
  {
    claim: "Density attention beats softmax weights of the layers",
    better: "daam-v1",
    worse: "softmax-weights",
  },
  { claim: "GQDAAM beats grouped-query attention without density", better: "gqdaam", worse: "gqa" },
  { claim: "The mixture outperforms DAAMv1", better: "mixture", worse: "daam-v1" },
  { claim: "The mixture outperforms DAAMv2", better: "mixture", worse: "daam-v2" },
  ...overLora,
];

export type Verdict = "holds" | "contradicted" | "undecided" | "no interval";

/** A difference with p corrected for all comparisons of its task, and what follows. */
export interface Judged extends Steadied {
  /** Holm's adjusted p within the task and protocol. */
  adjusted?: number;
  verdict: Verdict;
}

/** A comparison on one task. */
export interface Judgement extends Comparison {
  /** Titles of the two rows. */
  rows: [better: string, worse: string];
  task: string;
  /** The paper's difference of means in points, where it has both rows. */
  paper?: number;
  /** By protocol; left out where the rows share no finished run. */
  best?: Judged;
  last?: Judged;
}

/** Decided where the corrected p is below 0.05 and the interval leaves 0 out, on the same side without runs that learned nothing. */
export function verdictOn(found: Difference, adjusted: number | undefined, steady = found): Verdict {
  if (!found.interval || adjusted === undefined) return "no interval";
  const [side, without] = [found, steady].map(sideOf);
  if (adjusted >= 0.05 || side === 0 || side !== without) return "undecided";
  return side! > 0 ? "holds" : "contradicted";
}

/** On which side of 0 the interval lies; 0 where it holds 0. */
export const sideOf = ({ interval: [low, high] = [0, 0] }: Difference) => (low > 0 ? 1 : high < 0 ? -1 : 0);

/**
 * Every comparison on every task, comparisons without any shared run left out.
 * @param itemsOf the test items of cells: without them there are no intervals, and nothing is decided.
 */
export function judge(tables: readonly ResultTable[], itemsOf?: ItemsOf): Judgement[] {
  const all = tables.flatMap((table) => {
    const [best, last] = [judgeTask(table, "best", itemsOf), judgeTask(table, "last", itemsOf)];
    return comparisons.map((comparison, i): Judgement => {
      const { better, worse, paperBetter = better } = comparison;
      const [a, b] = [paperBetter, worse].map((name) => rowOf(table, name)?.paper?.cells.mean);
      return {
        ...comparison,
        rows: [rowOf(table, better)?.title ?? better, rowOf(table, worse)?.title ?? worse],
        task: table.task.name,
        ...(a !== undefined && b !== undefined && { paper: a - b }),
        ...(best[i] && { best: best[i] }),
        ...(last[i] && { last: last[i] }),
      };
    });
  });
  const known = new Set(all.flatMap(({ claim, last }) => (last ? [claim] : [])));
  const order = (entry: Judgement) => comparisons.findIndex(({ claim }) => claim === entry.claim);
  return all.filter(({ claim }) => known.has(claim)).sort((a, b) => order(a) - order(b));
}

function judgeTask(table: ResultTable, protocol: Protocol, itemsOf?: ItemsOf): (Judged | undefined)[] {
  const found = comparisons.map(({ better, worse }) => {
    const [a, b] = [rowOf(table, better), rowOf(table, worse)];
    // what another preset recorded stands, judged, in its own tables
    if (!a || !b || (a.recorded && b.recorded)) return undefined;
    return steadied(table.task, less(a, b), protocol, itemsOf);
  });
  const tested = found.flatMap((entry, i) => (entry?.p === undefined ? [] : [{ i, p: entry.p }]));
  const adjusted = new Map(holm(tested.map(({ p }) => p)).map((p, rank) => [tested[rank]!.i, p]));
  return found.map((entry, i) => {
    const p = adjusted.get(i);
    return (
      entry && {
        ...entry,
        ...(p !== undefined && { adjusted: p }),
        verdict: verdictOn(entry, p, entry.steady),
      }
    );
  });
}

/** "+3.2", with a true minus sign. */
export const points = (value: number, digits = 1) =>
  `${Number(value.toFixed(digits)) < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** "+3.2 (+1.0 to +5.4)"; the difference alone where there is no interval. Ends next to 0 have a second digit. */
export function differenceText(found: Difference | undefined): string {
  if (!found) return notRun;
  const { mean, interval } = found;
  if (!interval) return points(mean);
  const near = interval.some((end) => end !== 0 && Math.abs(end) < 0.05);
  return `${points(mean)} (${interval.map((end) => points(end, near ? 2 : 1)).join(" to ")})`;
}

/** "2 collapsed runs". */
export const collapsedRuns = (n: number) => `${n} collapsed ${n === 1 ? "run" : "runs"}`;

/** The same, and what it is without the runs in which a row learned nothing. */
export function judgedText(found: Steadied | undefined): string {
  const { steady } = found ?? {};
  const without = steady && `; without ${collapsedRuns(steady.collapsed)} ${differenceText(steady)}`;
  return differenceText(found) + (without ?? "");
}

const pText = (p: number | undefined) => (p === undefined ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3));

/** Differences in points for every claim and task, the paper's protocol beside the last epoch's; p and verdict are the last epoch's. */
export function claimsTable(judgements: readonly Judgement[]): TextTable {
  return {
    columns: ["claim", "task", "paper", "here, best epoch", "here, last epoch", "p", "p (Holm)", "verdict"],
    rows: judgements.map(({ claim, task, paper, best, last }) => [
      claim,
      task,
      paper === undefined ? "–" : points(paper),
      judgedText(best),
      judgedText(last),
      pText(last?.p),
      pText(last?.adjusted),
      last?.verdict ?? "–",
    ]),
  };
}

/**
 * A line a claim and task: the difference at the last epoch and its verdict, here and as another preset has published it.
 * @param published that preset's {@link claimsTable}
 * @param names of the preset here and of the other
 */
export function claimsBeside(
  judgements: readonly Judgement[],
  published: TextTable,
  [here, other]: readonly [string, string],
): TextTable {
  const at = (name: string) => published.columns.indexOf(name);
  const [last, verdict] = [at("here, last epoch"), at("verdict")];
  const tasks = new Set(judgements.map(({ task }) => task));
  const recorded = published.rows.filter(([, task]) => tasks.has(task!));
  const own = (claim: string, task: string) =>
    judgements.find((entry) => entry.claim === claim && entry.task === task)?.last;
  return {
    columns: [
      "claim",
      "task",
      `${here}, last epoch`,
      "verdict",
      `${other} (recorded), last epoch`,
      "verdict there",
    ],
    rows: recorded.map((row) => {
      const [claim, task] = row as [string, string];
      const found = own(claim, task);
      return [
        claim,
        task,
        found ? differenceText(found) : "–",
        found?.verdict ?? "–",
        row[last]!,
        row[verdict]!,
      ];
    }),
  };
}

/** Which claims hold, are contradicted or stay undecided under a protocol, and on which tasks: a line each. */
export function verdictSummary(judgements: readonly Judgement[], protocol: Protocol): string[] {
  const judged = judgements.filter((entry) => entry[protocol]);
  return (["holds", "contradicted", "undecided", "no interval"] as const).flatMap((verdict) => {
    const found = judged.filter((entry) => entry[protocol]!.verdict === verdict);
    if (verdict === "no interval" && !found.length) return [];
    const claims = [...new Set(found.map(({ claim }) => claim))].map((claim) => {
      const tasks = found.filter((entry) => entry.claim === claim).map(({ task }) => task);
      return `${claim} (${tasks.join(", ")})`;
    });
    return [`${verdict}, ${found.length} of ${judged.length}: ${claims.join("; ") || "none"}`];
  });
}

/** How to read {@link claimsTable}. */
export const claimsNote =
  "Differences in points of accuracy between rows that share data, test items and seeds; in brackets the 95 % interval of 10,000 bootstrap " +
  "draws of test groups (actors on speech, items elsewhere) and of seeds. p: two-sided, from flipping the signs of the groups; " +
  "Holm: corrected for all comparisons of a task. A claim holds, or is contradicted, where at the last epoch the corrected p is below 0.05 " +
  "and the interval leaves out 0, also without collapsed runs, in which one of the rows predicts one class for every item. A preset of one seed a fold, or of three, says little of other seeds; nothing here speaks of other data or encoders.";

/** One sentence a claim, computed from the last epoch. */
export function claimSentences(judgements: readonly Judgement[]): string[] {
  return [...new Set(judgements.map(({ claim }) => claim))].map((claim) => {
    const entries = judgements.filter((entry) => entry.claim === claim);
    const parts = entries.map(
      ({ task, last }) => `${task} ${judgedText(last)}: ${last ? last.verdict : "open"}`,
    );
    return `${claim} (${entries[0]!.rows.join(" − ")}): ${parts.join("; ")}.`;
  });
}

/** What choosing the epoch on the test data is worth: mean of best less last epoch in points, a line a decoder, a column a task. */
export function choiceTable(tables: readonly ResultTable[]): TextTable {
  const titles = [...new Set(tables.flatMap(({ rows }) => rows.filter(seesAll).map(({ title }) => title)))];
  const worth = (title: string) =>
    tables.map(({ rows }) => {
      const row = rows.find((entry) => entry.title === title && entry.results.length);
      return row ? summary(row, "best")!.mean - summary(row, "last")!.mean : undefined;
    });
  const known = titles.map((title) => ({ title, worth: worth(title) }));
  const text = (value: number | undefined) => (value === undefined ? "–" : points(value));
  const columnMean = (at: number) => {
    const values = known.flatMap((row) => row.worth[at] ?? []);
    return values.length ? values.reduce((a, b) => a + b, 0) / values.length : undefined;
  };
  return {
    columns: ["row", ...tables.map(({ task }) => task.name)],
    rows: [
      ...known
        .filter((row) => row.worth.some((value) => value !== undefined))
        .map((row) => [row.title, ...row.worth.map(text)]),
      ["mean of the rows", ...tables.map((_, at) => text(columnMean(at)))],
    ],
  };
}
