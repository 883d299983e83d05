/** Differences between rows on shifted test inputs, and what they say of the paper's motive. */
import { mean } from "simple-statistics";
import { decodeClasses, uint16Of } from "../../experiments/outcome/outcome.js";
import type { CellResult } from "../../experiments/types.js";
import { type Difference, difference, type ItemsOf, MARGIN } from "./paired.js";
import {
  CLEAN,
  cellsOf,
  columns,
  rateOf,
  type Robustness,
  sets,
  summaryOf,
  recordedText,
  titleOf,
} from "../tables/robustness-cells.js";
import { majority } from "../../statistics/summary.js";
import { notRun } from "../tables/words.js";
import type { TextTable } from "../tables/text-table.js";
import { EQUIVALENT, judgeFamily, type Judged } from "./judge.js";
import { differenceText as textOf, smallestText } from "./verdict.js";

export const robustnessDifferencesNote =
  "Differences in points of accuracy over runs that share data, batches and seeds; in brackets the 95 % interval from variance components of " +
  "seeds and test items, over folds where each has one seed. Change from clean: the difference at a shift minus the difference on clean " +
  "inputs; above 0 the first row loses less. Intervals are not corrected for the number of shifts, the counts of verdicts are (Holm).";

/** Which shifted rows the paper's motive is about: density attention against the same decoder without it and with dot products. */
const comparisons = [
  ["daam-v1", "no-attention"],
  ["daam-v1", "mha-layers"],
] as const;

/** A cell as if the items of a set were all it was tested on. */
function testedOn(cell: CellResult, set: string): CellResult {
  const { accuracy, predictions } = cell.shifted!.sets[set]!;
  return {
    ...cell,
    last: { ...cell.last, accuracy },
    predictions: { ...cell.predictions, last: predictions },
  };
}

/** Test items by their position, which is the same in every run; without groups each is its own. */
const itemsOf =
  (classes: number): ItemsOf =>
  ({ shifted }) => {
    const labels = decodeClasses(shifted!.labels, classes);
    const indices = [...labels.keys()];
    return { labels, indices, groups: shifted!.groups ? uint16Of(shifted!.groups) : indices };
  };

/** Accuracies on sets of test items, counted with their signs, over the runs that both rows have; undefined without such runs. */
function contrast(
  of: Robustness,
  [a, b]: readonly [string, string],
  signed: readonly (readonly [set: string, sign: 1 | -1])[],
): Difference | undefined {
  const terms = signed.flatMap(([set, sign]) => {
    const on = (method: string) => cellsOf(of, method).map((cell) => testedOn(cell, set));
    return [
      { results: on(a), sign },
      { results: on(b), sign: sign === 1 ? (-1 as const) : (1 as const) },
    ];
  });
  return difference(of.task, terms, "last", itemsOf(of.task.classes.length));
}

interface Contrast {
  pair: (typeof comparisons)[number];
  title: string;
  /** By set of test items: the difference between the two rows, and how it changed from clean inputs. */
  at: (Difference | undefined)[];
  change: ((Difference & Judged) | undefined)[];
}

/** Tables and CSV show the same. */
const known = new WeakMap<Robustness, Contrast[]>();

/** What is compared at every shift. */
export function contrasts(of: Robustness): Contrast[] {
  const found = known.get(of) ?? comparisons.map((pair) => contrastOf(of, pair));
  known.set(of, found);
  return found;
}

const contrastOf = (of: Robustness, pair: Contrast["pair"]): Contrast => ({
  pair,
  title: pair.map(titleOf).join(" − ") + apartText(of, pair),
  at: sets(of).map((set) => contrast(of, pair, [[set, 1]])),
  change: judgeFamily(
    sets(of).map((set) =>
      set === CLEAN
        ? undefined
        : contrast(of, pair, [
            [set, 1],
            [CLEAN, -1],
          ]),
    ),
  ),
});

/** ", at different rates (1e-3, 3e-4)". */
function apartText(of: Robustness, pair: Contrast["pair"]): string {
  const rates = pair.map((method) => rateOf(of, method));
  return rates.every((rate) => rate) && rates[0] !== rates[1]
    ? `, at different rates (${rates.join(", ")})`
    : "";
}

const differenceText = (found: Difference | undefined) => (found ? textOf(found) : "");

/** Differences between rows at every shift, in points, and how they changed from clean inputs. */
export function robustnessDifferences(of: Robustness): TextTable {
  const rows = contrasts(of).flatMap(({ title, at, change }) => [
    [title, ...at.map((found, i) => (found || i ? differenceText(found) : notRun))],
    [`${title}, change from clean`, ...change.map(differenceText)],
  ]);
  return { columns: [`difference${recordedText(of)}`, ...columns(of)], rows };
}

/** Points above {@link floorOf} within which a row has learned next to nothing that is left. */
const NEAR = 3;

/** Accuracy in % of the most frequent class for every item, mean over cells; undefined without labels. */
function floorOf({ task, results }: Robustness): number | undefined {
  const shares = results.flatMap(({ shifted }) => {
    const labels = decodeClasses(shifted!.labels, task.classes.length);
    const counts = new Map<number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return labels.length ? majority([...counts.values()]) : [];
  });
  return shares.length ? mean(shares) : undefined;
}

/** By shift, whether both rows are left with what one class for every item reaches; never where they began there. */
function atFloor(of: Robustness, pair: Contrast["pair"]): boolean[] {
  const floor = floorOf(of) ?? -Infinity;
  const near = (set: string) => pair.every((method) => summaryOf(of, method, set)!.mean < floor + NEAR);
  const [clean, ...shifted] = sets(of);
  return shifted.map((set) => near(set) && !near(clean!));
}

/** How to read {@link robustnessVerdicts}. */
export const robustnessVerdictNote =
  "At how many shifts the first row loses less than the second from clean inputs to shifted ones (better), more (worse), as much within " +
  `${MARGIN} point, or nothing can be told. Not counted: shifts where both rows are within ${NEAR} points of one class for every item, so that nothing is ` +
  "left to lose. Found from: the smallest change that would have been found at the strongest shift.";

/** What the differences say of "best on non-stationary data": a line a task and comparison. */
export function robustnessVerdicts(parts: readonly Robustness[]): TextTable {
  const rows = parts.flatMap((of) =>
    contrasts(of).map(({ pair, title, change }) => {
      const changes = change.slice(1);
      if (changes.includes(undefined))
        return [of.task.name + recordedText(of), title, String(changes.length), notRun, "", "", "", "", ""];
      const fallen = atFloor(of, pair);
      const told = changes.filter((_, i) => !fallen[i]);
      const count = (verdict: string) => String(told.filter((found) => found!.verdict === verdict).length);
      return [
        of.task.name + recordedText(of),
        title,
        String(changes.length),
        count("better"),
        count("worse"),
        count(EQUIVALENT),
        count("undecided"),
        String(changes.length - told.length),
        smallestText(changes.at(-1)!),
      ];
    }),
  );
  return {
    columns: [
      "task",
      "rows",
      "shifts",
      "better",
      "worse",
      EQUIVALENT,
      "undecided",
      "at the floor",
      "found from",
    ],
    rows,
  };
}
