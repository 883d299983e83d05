/** Cells that were tested on shifted inputs, by task, row and set of test items. */
import { methods } from "../../experiments/plan/methods.js";
import type { CellResult, Preset, Task } from "../../experiments/types.js";
import { shiftName, shiftTitle } from "../../shifts/shift.js";
import { summarise, type Summary } from "../../statistics/summary.js";
import { sortedRates } from "./search.js";
import { rateText } from "./words.js";

/** A task's cells that were tested on shifted inputs. */
export interface Robustness {
  task: Task;
  /** Runs or folds that every row has when complete. */
  runs: number;
  results: readonly CellResult[];
  /** What the cells were trained with, where the preset would now train them otherwise. */
  earlier?: string;
}

/** The tasks of a preset that are tested on shifted inputs. */
export function robustnessOf(
  preset: Preset,
  tasks: readonly Task[],
  results: readonly CellResult[],
): Robustness[] {
  return tasks.flatMap((task) => {
    const { epochs, robustness } = preset.tasks[task.name] ?? {};
    if (!robustness) return [];
    const own = results.filter(({ config }) => config.task === task.name);
    const other = own.find(({ config }) => config.epochs !== epochs || config.hidden !== preset.hidden);
    const earlier = other && `${other.config.epochs} epochs, ${other.config.hidden} channels`;
    return [{ task, runs: robustness.runs, results: own, ...(earlier !== undefined && { earlier }) }];
  });
}

/** Behind the title of a table or figure. */
export const recordedText = ({ earlier }: Robustness) =>
  earlier === undefined ? "" : ` (recorded: ${earlier})`;

/** The set of test items as they are. */
export const CLEAN = "clean";
export const titleOf = (name: string) => methods.find((method) => method.name === name)!.title;
export const shiftsOf = ({ task }: Robustness) => task.shifts ?? [];
export const columns = (of: Robustness) => [CLEAN, ...shiftsOf(of).map(shiftTitle)];
/** Names of all sets of test items, the clean one first; {@link columns} are their titles. */
export const sets = (of: Robustness) => [CLEAN, ...shiftsOf(of).map(shiftName)];

export function cellsOf({ results }: Robustness, method: string): CellResult[] {
  return results.filter(({ config }) => config.method === method).sort((a, b) => a.config.run - b.config.run);
}

/** "1e-3": the rate of a row's cells; empty without any. */
export const rateOf = (of: Robustness, method: string) =>
  sortedRates(cellsOf(of, method)).map(rateText).join(", ");

/** Accuracy in % of a cell on a set of test items. */
const accuracy = ({ shifted }: CellResult, set: string) => 100 * shifted!.sets[set]!.accuracy;

export function summaryOf(of: Robustness, method: string, set: string): Summary | undefined {
  const cells = cellsOf(of, method);
  return cells.length ? summarise(cells.map((cell) => accuracy(cell, set))) : undefined;
}
