/** From differences to verdicts. */
import { createHash } from "node:crypto";
import type { CellResult } from "../../experiments/types.js";
import { decide } from "../../statistics/inference.js";
import { holmOfDistinct } from "../../statistics/multiple.js";
import {
  isComplete,
  type Protocol,
  ratesOf,
  type ResultTable,
  rowOf,
  severalRates,
  tableAt,
} from "../tables/rows.js";
import { type Comparison, comparisons } from "./comparisons.js";
import { type Difference, type ItemsOf, less, MARGIN, type Steadied, steadied } from "./paired.js";

export const EQUIVALENT = `equivalent within ${MARGIN} point`;
export const verdicts = ["better", "worse", EQUIVALENT, "undecided"] as const;
export type Verdict = (typeof verdicts)[number];

/** What follows from a difference among others of its family. */
export interface Judged {
  verdict: Verdict;
  /** Why nothing could be decided, whatever the difference. */
  reason?: "one run" | "test items not known";
  /** Holm's adjusted p within the family, of a difference and of equivalence. */
  adjusted?: { difference: number; equivalence: number };
}

/**
 * Verdicts of a family of comparisons; p of difference and p of equivalence are corrected by Holm, each over the distinct ones.
 * @param keys equal for comparisons of the same cells under other names
 */
export function judgeFamily<T extends Difference>(
  family: readonly (T | undefined)[],
  keys: readonly string[] = family.map((_, i) => String(i)),
): ((T & Judged) | undefined)[] {
  const adjusted = (["p", "equivalence"] as const).map((p) =>
    holmOfDistinct(
      family.flatMap((found, i): [string, number][] => (found?.sure ? [[keys[i]!, found.sure[p]]] : [])),
    ),
  );
  return family.map((found, i) => {
    if (!found) return undefined;
    if (!found.sure)
      return {
        ...found,
        verdict: "undecided",
        reason: found.runs === 1 ? "one run" : "test items not known",
      };
    const [difference, equivalence] = adjusted.map((of) => of.get(keys[i]!)!) as [number, number];
    const decision = decide(found.mean, { difference, equivalence });
    return {
      ...found,
      verdict: decision === "equivalent" ? EQUIVALENT : decision,
      adjusted: { difference, equivalence },
    };
  });
}

/** A comparison on one task, at one rate or with each row at its own. */
export interface Judgement extends Comparison {
  /** Titles of the two rows. */
  rows: [better: string, worse: string];
  /** The rate that both are compared at, of rows that are trained at several; left out where each row has its own. */
  rate?: number;
  /** Their learning rates, where they have run. */
  rates: [better: number[], worse: number[]];
  /** Whether each row is at the rate that it chose; of rows that have one rate, always. */
  chosen: boolean;
  /** What is missing of the two rows, at any of their rates. */
  lacks?: "rates not chosen yet" | "incomplete";
  task: string;
  /** The paper's difference of means in points, where it has both rows. */
  paper?: number;
  /** The claim whose comparison is of the very same predictions, and was counted. */
  repeats?: string;
  /** By protocol; left out where the rows share no finished run. */
  best?: Steadied & Judged;
  last?: Steadied & Judged;
}

/**
 * Every comparison on every task, comparisons without any shared run left out. Rows that are trained at several rates are compared at each
 * that both have; where they chose different ones, also with each at its own. The comparisons of a task at a rate are one family; those with
 * each row at its own rate are another.
 * @param itemsOf the test items of cells: without them there are no intervals, and nothing is decided.
 */
export function judge(tables: readonly ResultTable[], itemsOf?: ItemsOf): Judgement[] {
  const all = tables.flatMap((table) => {
    const atRates = severalRates(table).flatMap((rate) =>
      judgeTable(tableAt(table, rate), itemsOf).flatMap((entry): Judgement[] => {
        const chosen = [entry.better, entry.worse].every((name) => rowOf(table, name)?.chosen === rate);
        return entry.last ? [{ ...entry, rate, chosen, ...lacksOf(table, entry) }] : [];
      }),
    );
    const told = (entry: Judgement, at: Judgement) =>
      at.claim === entry.claim && (at.chosen || entry.last === undefined);
    const own = judgeTable(table, itemsOf)
      .filter((entry) => !atRates.some((at) => told(entry, at)))
      .map((entry) => ({ ...entry, ...lacksOf(table, entry) }));
    return [...atRates, ...own];
  });
  const known = new Set(all.flatMap(({ claim, last }) => (last ? [claim] : [])));
  const claimOf = (entry: Judgement) => comparisons.findIndex(({ claim }) => claim === entry.claim);
  const taskOf = (entry: Judgement) => tables.findIndex(({ task }) => task.name === entry.task);
  return all
    .filter(({ claim }) => known.has(claim))
    .sort((a, b) => claimOf(a) - claimOf(b) || taskOf(a) - taskOf(b));
}

/** Every comparison of a table's rows as they stand, one family. */
function judgeTable(table: ResultTable, itemsOf?: ItemsOf): Judgement[] {
  const pairs = comparisons.map(({ better, worse }) => rowsOf(table, better, worse));
  const keys = pairs.map((rows) => (rows ? rows.map(({ results }) => fingerprint(results)).join() : ""));
  const [best, last] = (["best", "last"] as const).map((protocol) =>
    judgeFamily(
      pairs.map((rows) => rows && steadied(table.task, less(...rows), protocol, itemsOf)),
      keys,
    ),
  );
  return comparisons.map((comparison, i): Judgement => {
    const { better, worse, paperBetter = better } = comparison;
    const [a, b] = [paperBetter, worse].map((name) => rowOf(table, name)?.paper?.cells.mean);
    const first = keys.indexOf(keys[i]!);
    return {
      ...comparison,
      rows: [rowOf(table, better)?.title ?? better, rowOf(table, worse)?.title ?? worse],
      rates: [better, worse].map((name) => ratesOf(rowOf(table, name))) as Judgement["rates"],
      chosen: true,
      task: table.task.name,
      ...(a !== undefined && b !== undefined && { paper: a - b }),
      ...(last![i] && first < i && { repeats: comparisons[first]!.claim }),
      ...(best![i] && { best: best![i] }),
      ...(last![i] && { last: last![i] }),
    };
  });
}

/** What is missing of the rows of a comparison; nothing is said of rows that another preset recorded. */
function lacksOf(table: ResultTable, { better, worse }: Comparison): Pick<Judgement, "lacks"> {
  const rows = [better, worse]
    .flatMap((name) => rowOf(table, name) ?? [])
    .filter(({ recorded }) => !recorded);
  if (rows.some(({ byRate, chosen }) => byRate.length > 1 && chosen === undefined))
    return { lacks: "rates not chosen yet" };
  return rows.some((row) => !isComplete(row, table.runs)) ? { lacks: "incomplete" } : {};
}

function rowsOf(table: ResultTable, better: string, worse: string) {
  const [a, b] = [rowOf(table, better), rowOf(table, worse)];
  // what another preset recorded stands, judged, in its own tables
  return a && b && !(a.recorded && b.recorded) ? ([a, b] as const) : undefined;
}

/** Equal for rows that predict the same in every run, at the best epoch and the last. */
function fingerprint(results: readonly CellResult[]): string {
  const hash = createHash("sha256");
  for (const { config, predictions } of results)
    hash.update(
      `${config.run} ${(["best", "last"] satisfies Protocol[]).map((p) => predictions[p]).join(" ")}\n`,
    );
  return hash.digest("hex");
}
