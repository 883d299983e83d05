/** Differences between rows of a table on the test items and seeds that they share. */
import type { CellResult, Task, TestItems } from "../../experiments/types.js";
import { isCollapsed, predictions } from "../tables/attention-maps.js";
import { bootstrapInterval, type GroupedDifferences, meanDifference, signFlipP } from "./resampling.js";
import type { Protocol } from "../tables/rows.js";
import { tidy } from "../tables/statistics.js";

/** The test items of a cell; undefined where they are not known, as for cells of another preset. */
export type ItemsOf = (result: CellResult) => TestItems | undefined;

/** A row's cells, counted with a sign: `+1` and `-1` for a difference, two of each for a difference of differences. */
export interface Term {
  results: readonly CellResult[];
  sign: 1 | -1;
}

/** The terms of one row less another. */
export const less = (a: Pick<Term, "results">, b: Pick<Term, "results">): [Term, Term] => [
  { results: a.results, sign: 1 },
  { results: b.results, sign: -1 },
];

export interface Difference {
  /** Mean over the shared runs, in points. */
  mean: number;
  /** Runs that all terms have. */
  runs: number;
  /** 95 % bootstrap interval in points, over groups and seeds; left out where the test items are not known. */
  interval?: [low: number, high: number];
  /** Two-sided sign-flip p over groups; with the interval. */
  p?: number;
}

/** The same, and what it is without the runs in which a row learned nothing, where there are such runs and others. */
export interface Steadied extends Difference {
  steady?: Difference & { collapsed: number };
}

/** 1-based seed of a run: on folds every fold is run once a seed, fold by fold. */
export function seedOf(run: number, { split, paperRuns }: Task): number {
  return split === "folds" ? Math.ceil(run / paperRuns.length) : run;
}

/** The signed sum of the terms over the runs that all of them have; undefined without such runs. */
export function difference(
  task: Task,
  terms: readonly Term[],
  protocol: Protocol,
  itemsOf?: ItemsOf,
): Difference | undefined {
  const runs = sharedRuns(terms);
  if (!runs.length) return undefined;
  const data = itemsOf && groupedDifferences(task, runs, protocol, itemsOf);
  if (data)
    return {
      mean: tidy(100 * meanDifference(data)),
      runs: runs.length,
      interval: bootstrapInterval(data).map((end) => tidy(100 * end)) as [number, number],
      p: signFlipP(data),
    };
  const ofRun = ({ cells }: SharedRun) =>
    cells.reduce((sum, { result, sign }) => sum + sign * result[protocol].accuracy, 0);
  return {
    mean: tidy((100 * runs.reduce((sum, run) => sum + ofRun(run), 0)) / runs.length),
    runs: runs.length,
  };
}

/** {@link difference} with and without collapsed runs. */
export function steadied(
  task: Task,
  terms: readonly Term[],
  protocol: Protocol,
  itemsOf?: ItemsOf,
): Steadied | undefined {
  const all = difference(task, terms, protocol, itemsOf);
  const { terms: kept, collapsed } = withoutCollapsed(task, terms, protocol);
  const steady = collapsed ? difference(task, kept, protocol, itemsOf) : undefined;
  return all && { ...all, ...(steady && { steady: { ...steady, collapsed } }) };
}

/** The terms without the runs in which a cell of theirs predicts one class for every item, and how many runs these are. */
export function withoutCollapsed(
  { classes }: Task,
  terms: readonly Term[],
  protocol: Protocol,
): { terms: Term[]; collapsed: number } {
  const runs = new Set(
    sharedRuns(terms)
      .filter(({ cells }) => cells.some(({ result }) => isCollapsed(result, classes.length, protocol)))
      .map(({ run }) => run),
  );
  const kept = terms.map(({ results, sign }) => ({
    results: results.filter(({ config }) => !runs.has(config.run)),
    sign,
  }));
  return { terms: kept, collapsed: runs.size };
}

interface SharedRun {
  run: number;
  cells: { result: CellResult; sign: 1 | -1 }[];
}

function sharedRuns(terms: readonly Term[]): SharedRun[] {
  const [first, ...others] = terms;
  return first!.results.flatMap((result) => {
    const { run } = result.config;
    const cells = others.flatMap(({ results, sign }) => {
      const found = results.find(({ config }) => config.run === run);
      return found ? [{ result: found, sign }] : [];
    });
    return cells.length === others.length ? [{ run, cells: [{ result, sign: first!.sign }, ...cells] }] : [];
  });
}

/** Per seed and group, over the test items that all cells of a run have; undefined where one's are not known. */
function groupedDifferences(
  task: Task,
  runs: readonly SharedRun[],
  protocol: Protocol,
  itemsOf: ItemsOf,
): GroupedDifferences | undefined {
  const numbers = new Map<number, number>();
  const shares: number[] = [];
  const found: { seed: number; group: number; sum: number }[][] = [];
  for (const { run, cells } of runs) {
    const items = commonItems(cells, task.classes.length, protocol, itemsOf);
    if (!items?.length) return undefined;
    const seed = seedOf(run, task);
    found.push(
      items.map(({ group, sum }) => {
        if (!numbers.has(group)) numbers.set(group, numbers.size);
        const number = numbers.get(group)!;
        shares[number] = 1 / items.length;
        return { seed, group: number, sum };
      }),
    );
  }
  const seeds = [...new Set(found.map(([first]) => first!.seed))];
  const empty = () => seeds.map(() => new Int16Array(shares.length));
  const [sums, items] = [empty(), empty()];
  for (const { seed, group, sum } of found.flat()) {
    const row = seeds.indexOf(seed);
    sums[row]![group]! += sum;
    items[row]![group]! += 1;
  }
  return { sums, items, shares: Float64Array.from(shares) };
}

/** The group of every item that all cells tested, and the signed sum of the correct answers. */
function commonItems(
  cells: SharedRun["cells"],
  classes: number,
  protocol: Protocol,
  itemsOf: ItemsOf,
): { group: number; sum: number }[] | undefined {
  const items = new Map<number, { group: number; sum: number; cells: number }>();
  for (const { result, sign } of cells) {
    const known = itemsOf(result);
    const guesses = predictions(result, classes, protocol);
    if (known?.labels.length !== guesses.length) return undefined;
    guesses.forEach((guess, i) => {
      const index = known.indices[i]!;
      let item = items.get(index);
      if (!item) items.set(index, (item = { group: known.groups[i]!, sum: 0, cells: 0 }));
      item.sum += guess === known.labels[i] ? sign : 0;
      item.cells += 1;
    });
  }
  return [...items.values()].filter((item) => item.cells === cells.length);
}
