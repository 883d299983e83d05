/** Rows on shifted test inputs: tables, differences, sentences and figures from the cells of the part "robustness". */
import { mean } from "simple-statistics";
import { methods } from "../experiments/methods.js";
import { decodeClasses, uint16Of } from "../experiments/outcome.js";
import { robustnessMethods } from "../experiments/robustness.js";
import type { CellResult, Preset, Task } from "../experiments/types.js";
import { type Shift, severity, shiftName, shiftTitle, shiftWords } from "../shifts/shift.js";
import type { Figure } from "./figure.js";
import { learningCurves } from "./figures-training.js";
import { type Difference, difference, type ItemsOf } from "./paired.js";
import { plusMinus, summarise, type Summary } from "./statistics.js";
import { type TextTable, toMarkdown } from "./tables.js";
import { differenceText as textOf } from "./verdict.js";

/** A task's cells that were tested on shifted inputs. */
export interface Robustness {
  task: Task;
  /** Runs or folds that every row has when complete. */
  runs: number;
  results: readonly CellResult[];
}

/** The tasks of a preset that are tested on shifted inputs. */
export function robustnessOf(
  preset: Preset,
  tasks: readonly Task[],
  results: readonly CellResult[],
): Robustness[] {
  return tasks.flatMap((task) => {
    const runs = preset.tasks[task.name]?.robustness?.runs;
    const own = results.filter(({ config }) => config.task === task.name);
    return runs ? [{ task, runs, results: own }] : [];
  });
}

export const robustnessNote =
  "Each decoder is trained on inputs as they are and tested after its last epoch: on inputs as they are (clean) and on the same items after a " +
  "shift. Noise on audio: white, in dB over the clip without its padding. Words dropped: that share of a text's words, at random, one always " +
  "stays. Noise and blur on images: Gaussian, of pixels in 0–1 and in pixels of the raw image, which goes on beyond its edges as its mirror " +
  "image. Text and images: fewer test items than the tables above have.";

export const robustnessDifferencesNote =
  "Differences in points of accuracy over runs that share data, batches and seeds; in brackets the 95 % bootstrap interval over test groups " +
  "(actors on speech, items elsewhere) and seeds, over actors alone where there is one seed a fold. Change from clean: the difference at a " +
  "shift minus the difference on clean inputs; above 0 the first row loses less.";

/** Which shifted rows the paper's motive is about: density attention against the same decoder without it and with dot products. */
const comparisons = [
  ["daam-v1", "no-attention"],
  ["daam-v1", "mha-layers"],
] as const;

const CLEAN = "clean";
const notRun = "not run yet";
const titleOf = (name: string) => methods.find((method) => method.name === name)!.title;
const shiftsOf = ({ task }: Robustness) => task.shifts ?? [];
const columns = (of: Robustness) => [CLEAN, ...shiftsOf(of).map(shiftTitle)];
const sets = (of: Robustness) => [CLEAN, ...shiftsOf(of).map(shiftName)];

function cellsOf({ results }: Robustness, method: string): CellResult[] {
  return results.filter(({ config }) => config.method === method).sort((a, b) => a.config.run - b.config.run);
}

/** Accuracy in % of a cell on a set of test items. */
const accuracy = ({ shifted }: CellResult, set: string) => 100 * shifted!.sets[set]!.accuracy;

function summaryOf(of: Robustness, method: string, set: string): Summary | undefined {
  const cells = cellsOf(of, method);
  return cells.length ? summarise(cells.map((cell) => accuracy(cell, set))) : undefined;
}

/** Accuracy in %, mean ± population sd over runs, last epoch: a line a row, clean inputs and every shift. */
export function robustnessTable(of: Robustness): TextTable {
  const rows = robustnessMethods.map((method) => {
    const count = cellsOf(of, method).length;
    const some = count > 0 && count < of.runs ? ` (${count} of ${of.runs})` : "";
    const texts = sets(of).map((set, i) => {
      const found = summaryOf(of, method, set);
      return found ? plusMinus(found) + some : i ? "" : notRun;
    });
    return [titleOf(method), ...texts];
  });
  return { columns: ["method", ...columns(of)], rows };
}

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
  change: (Difference | undefined)[];
}

/** A bootstrap a figure takes seconds, and table, sentences and CSV show the same. */
const known = new WeakMap<Robustness, Contrast[]>();

/** What is compared at every shift. */
function contrasts(of: Robustness): Contrast[] {
  const found = known.get(of) ?? comparisons.map((pair) => contrastOf(of, pair));
  known.set(of, found);
  return found;
}

const contrastOf = (of: Robustness, pair: Contrast["pair"]): Contrast => ({
  pair,
  title: `${titleOf(pair[0])} − ${titleOf(pair[1])}`,
  at: sets(of).map((set) => contrast(of, pair, [[set, 1]])),
  change: sets(of).map((set) =>
    set === CLEAN
      ? undefined
      : contrast(of, pair, [
          [set, 1],
          [CLEAN, -1],
        ]),
  ),
});

/** Whether the first row loses less, by the interval. */
function judge({ interval: [low, high] = [0, 0] }: Difference) {
  return low > 0 ? "holds" : high < 0 ? "contradicted" : "undecided";
}

const differenceText = (found: Difference | undefined) => (found ? textOf(found) : "");

/** Differences between rows at every shift, in points, and how they changed from clean inputs. */
export function robustnessDifferences(of: Robustness): TextTable {
  const rows = contrasts(of).flatMap(({ title, at, change }) => [
    [title, ...at.map((found, i) => (found || i ? differenceText(found) : notRun))],
    [`${title}, change from clean`, ...change.map(differenceText)],
  ]);
  return { columns: ["difference", ...columns(of)], rows };
}

/** Points above {@link floorOf} within which a row has learned next to nothing that is left. */
const NEAR = 3;

/** Accuracy in % of the most frequent class for every item, mean over cells; undefined without labels. */
function floorOf({ task, results }: Robustness): number | undefined {
  const shares = results.flatMap(({ shifted }) => {
    const labels = decodeClasses(shifted!.labels, task.classes.length);
    const counts = new Map<number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return labels.length ? [(100 * Math.max(...counts.values())) / labels.length] : [];
  });
  return shares.length ? mean(shares) : undefined;
}

/** At how many shifts both rows are left with what one class for every item reaches; empty at none, or where they began there. */
function floorSentence(of: Robustness, pair: Contrast["pair"]): string {
  const floor = floorOf(of);
  if (floor === undefined) return "";
  const near = (set: string) => pair.every((method) => summaryOf(of, method, set)!.mean < floor + NEAR);
  const [clean, ...shifted] = sets(of);
  const count = shifted.filter(near).length;
  if (!count || near(clean!)) return "";
  return (
    ` At ${count} of ${shifted.length} both are within ${NEAR} points of one class for every item (${floor.toFixed(1)} %): nothing is left ` +
    "to lose there, and a change from clean only mirrors the difference on clean inputs."
  );
}

/** What the differences say of "best on non-stationary data": a sentence a task and comparison. */
export function robustnessSentences(parts: readonly Robustness[]): string[] {
  return parts.flatMap((of) => {
    const shifts = shiftsOf(of);
    return contrasts(of).map(({ pair, title, at, change }) => {
      const changes = change.slice(1).map((found) => found && judge(found));
      if (changes.includes(undefined)) return `${of.task.title} on shifted inputs, ${title}: ${notRun}.`;
      const count = (verdict: string) => changes.filter((found) => found === verdict).length;
      const strongest = shifts.flatMap((shift, i) =>
        shifts[i + 1]?.kind === shift.kind
          ? []
          : [`${shiftTitle(shift)} ${differenceText(at[i + 1])}, change ${differenceText(change[i + 1])}`],
      );
      return (
        `${of.task.title} on shifted inputs: ${titleOf(pair[0])} loses less than ${titleOf(pair[1])} at ${count("holds")} of ` +
        `${shifts.length} shifts, more at ${count("contradicted")}, and no difference can be told at ${count("undecided")}. ` +
        `${title}: clean ${differenceText(at[0])}; ${strongest.join("; ")}.${floorSentence(of, pair)}`
      );
    });
  });
}

/** Accuracy against the strength of the shift, a line a row and a panel a kind of shift; undefined before any cell is finished. */
export function robustnessFigure(of: Robustness): Figure | undefined {
  const rows = robustnessMethods.filter((method) => cellsOf(of, method).length > 0);
  if (rows.length === 0) return undefined;
  const { task, runs } = of;
  const kinds = [...new Set(shiftsOf(of).map(({ kind }) => kind))];
  const panels = kinds.map((kind) => {
    const shifts: Shift[] = shiftsOf(of).filter((shift) => shift.kind === kind);
    const { title, level } = shiftWords[kind];
    const names = [CLEAN, ...shifts.map(shiftName)];
    return {
      title,
      axis: {
        title: "strength of the shift",
        labels: [CLEAN, ...shifts.map((shift) => level(severity(shift)))],
      },
      curves: rows.map((method) => {
        const summaries = names.map((set) => summaryOf(of, method, set)!);
        return {
          name: titleOf(method),
          mean: summaries.map(({ mean }) => mean),
          sd: summaries.map(({ sd }) => sd),
        };
      }),
    };
  });
  const noun = task.split === "folds" ? "folds" : "runs";
  const complete = robustnessMethods.every((method) => cellsOf(of, method).length >= runs);
  const title = `${task.title} on shifted inputs: ${task.here.data}, mean ± sd of ${runs} ${noun}${complete ? "" : " (incomplete)"}`;
  return learningCurves(title, panels);
}

/** Every figure of the tables as CSV rows: accuracies and differences by task and shift. */
export function robustnessCsv(parts: readonly Robustness[]): TextTable {
  const fixed = (value: number) => value.toFixed(2);
  const rows = parts.flatMap((of) => [
    ...robustnessMethods.flatMap((method) =>
      sets(of).flatMap((set) => {
        const found = summaryOf(of, method, set);
        return found
          ? [
              [
                of.task.name,
                "accuracy",
                titleOf(method),
                set,
                fixed(found.mean),
                fixed(found.sd),
                "",
                "",
                String(found.n),
              ],
            ]
          : [];
      }),
    ),
    ...contrasts(of).flatMap(({ title, at, change }) =>
      [["difference", at] as const, ["change from clean", change] as const].flatMap(([quantity, list]) =>
        list.flatMap((found, i) =>
          found
            ? [
                [
                  of.task.name,
                  quantity,
                  title,
                  sets(of)[i]!,
                  fixed(found.mean),
                  "",
                  ...(found.interval?.map(fixed) ?? ["", ""]),
                  String(found.runs),
                ],
              ]
            : [],
        ),
      ),
    ),
  ]);
  return { columns: ["task", "quantity", "row", "shift", "mean", "sd", "low", "high", "runs"], rows };
}

/** The section of a published README; none where the preset has no tests on shifted inputs. */
export function robustnessBlocks(
  preset: Preset,
  parts: readonly Robustness[],
  image: (name: string, alt: string) => string[],
): string[] {
  if (parts.length === 0) return [];
  const command = `\`node dist/cli.js run --preset ${preset.name} --part robustness\``;
  return [
    "## Robustness on shifted inputs",
    `${robustnessNote} ${robustnessDifferencesNote} ${command} trains these cells again. ${costs(parts)}`,
    ...parts.flatMap((of) => {
      const all = of.runs * robustnessMethods.length;
      const done = of.results.length;
      return [
        `### ${of.task.title} on shifted inputs${done < all ? ` (incomplete: ${done} of ${all} cells)` : ""}`,
        toMarkdown(robustnessTable(of)).trimEnd(),
        toMarkdown(robustnessDifferences(of)).trimEnd(),
        ...image(`${of.task.name}-robustness`, `${of.task.title} on shifted inputs`),
      ];
    }),
    robustnessSentences(parts)
      .map((sentence) => `- ${sentence}`)
      .join("\n"),
  ];
}

function costs(parts: readonly Robustness[]): string {
  const results = parts.flatMap((of) => of.results);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const backends = [...new Set(results.map(({ backend }) => backend))].join(", ");
  return results.length
    ? `${results.length} cells took ${Math.round(seconds)} s in all workers together (backend ${backends}).`
    : "";
}
