/** Differences between rows of a table on the test items and seeds that they share. */
import { blockOf } from "../../experiments/plan/tasks.js";
import type { CellResult, Task, TestItems } from "../../experiments/types.js";
import { differenceP, equivalenceP, interval, smallestDifference } from "../../statistics/inference.js";
import { tidy } from "../../statistics/summary.js";
import { type Block, crossedEstimate, overBlocks } from "../../statistics/variance-components.js";
import { isCollapsed, predictions } from "../tables/attention-maps.js";
import type { Protocol } from "../tables/rows.js";

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

/** Differences within so many points do not count: stated before the comparisons were made. */
export const MARGIN = 1;

/** How sure a difference is, in points; by variance components of seeds and of items (actors on speech). */
export interface Certainty {
  /** 95 %. */
  interval: [low: number, high: number];
  /** Two-sided, that there is no difference. */
  p: number;
  /** That the difference is as large as {@link MARGIN}, by two one-sided tests. */
  equivalence: number;
  /** The smallest difference that would have been found with 80 % power at 5 %. */
  smallest: number;
}

export interface Difference {
  /** Mean over the shared runs, in points. */
  mean: number;
  /** Runs that all terms have. */
  runs: number;
  /** Over seeds and items, or over folds where each has one seed; left out for a single run and where the test items are not known. */
  sure?: Certainty;
  /** 95 % interval over the folds' means alone (Student's t), where a fold has several seeds. */
  overFolds?: [low: number, high: number];
}

/** The same, and what it is without the runs in which a row learned nothing. */
export interface Steadied extends Difference {
  /** Runs in which a row learned nothing. */
  collapsed: number;
  /** Without them, where there are such runs and others. */
  steady?: Difference;
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
  const blocks = itemsOf && blocksOf(task, runs, protocol, itemsOf);
  if (!blocks) {
    const ofRun = ({ cells }: SharedRun) =>
      cells.reduce((sum, { result, sign }) => sum + sign * result[protocol].accuracy, 0);
    const sum = runs.reduce((all, run) => all + ofRun(run), 0);
    return { mean: tidy((100 * sum) / runs.length), runs: runs.length };
  }
  const [crossed, folds] = [crossedEstimate(blocks), overBlocks(blocks)];
  const found = crossed ?? folds;
  return {
    mean: tidy(found?.mean ?? meanOf(blocks)),
    runs: runs.length,
    ...(found && {
      sure: {
        interval: tidyEnds(interval(found)),
        p: differenceP(found),
        equivalence: equivalenceP(found, MARGIN),
        smallest: smallestDifference(found),
      },
    }),
    ...(crossed && folds && { overFolds: tidyEnds(interval(folds)) }),
  };
}

const tidyEnds = ([low, high]: [number, number]): [number, number] => [tidy(low), tidy(high)];

function meanOf(blocks: readonly Block[]): number {
  const runs = blocks.flat();
  return runs.reduce((all, run) => all + run.reduce((a, b) => a + b, 0) / run.length, 0) / runs.length;
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
  return all && { ...all, collapsed, ...(steady && { steady }) };
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

/**
 * Differences in points, a block a fold, [seeds][groups], over the test items that all cells of a block have; undefined where one's are
 * not known. A group's value is scaled so that the mean over groups is that over items.
 */
function blocksOf(
  task: Task,
  runs: readonly SharedRun[],
  protocol: Protocol,
  itemsOf: ItemsOf,
): Block[] | undefined {
  const folds = [...new Set(runs.map(({ run }) => blockOf(run, task)))].sort((a, b) => a - b);
  const blocks: Block[] = [];
  for (const fold of folds) {
    const seeds = runs
      .filter(({ run }) => blockOf(run, task) === fold)
      .map(({ cells }) => commonItems(cells, task.classes.length, protocol, itemsOf));
    if (seeds.includes(undefined)) return undefined;
    const block = blockFrom(seeds as ItemSums[]);
    if (!block) return undefined;
    blocks.push(block);
  }
  return blocks;
}

/** By item: its group and the signed sum of the correct answers. */
type ItemSums = Map<number, { group: number; sum: number }>;

function blockFrom(seeds: readonly ItemSums[]): Block | undefined {
  const [first, ...others] = seeds;
  const shared = [...first!.keys()].filter((index) => others.every((items) => items.has(index)));
  if (!shared.length) return undefined;
  const groups = new Map<number, number>();
  for (const index of shared) {
    const { group } = first!.get(index)!;
    if (!groups.has(group)) groups.set(group, groups.size);
  }
  const scale = (100 * groups.size) / shared.length;
  return seeds.map((items) => {
    const row = new Array<number>(groups.size).fill(0);
    for (const index of shared) {
      const { group, sum } = items.get(index)!;
      row[groups.get(group)!]! += scale * sum;
    }
    return row;
  });
}

/** The items that all cells tested; undefined where a cell's are not known. */
function commonItems(
  cells: SharedRun["cells"],
  classes: number,
  protocol: Protocol,
  itemsOf: ItemsOf,
): ItemSums | undefined {
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
  for (const [index, item] of items) if (item.cells < cells.length) items.delete(index);
  return items;
}
