/** How much of everything a preset takes for a row: items, epochs, rates, runs. */
import { methods } from "./methods.js";
import { findTask } from "./tasks.js";
import type { Method, Preset, TaskBudget } from "../types.js";

/** Trainings of a row at a rate that are judged on held-out items. */
const HELD_OUT_SEEDS = 2;

/** Whether a row has the items, epochs and runs of those that fine-tune. */
const finelyTuned = ({ fineTuning, budget }: Method) => fineTuning !== undefined || budget !== undefined;

/** Items, epochs and rate of a method on a task, and its batch where that is not the task's; undefined where the preset does not train it. */
export function budgetOf(
  { tasks }: Preset,
  task: string,
  method: Method,
): (Omit<TaskBudget, "runs" | "fineTuning" | "robustness"> & { batch?: number }) | undefined {
  return finelyTuned(method) ? tasks[task]!.fineTuning : tasks[task]!;
}

/** Runs of a method on a task of a preset; 0 where the preset does not train it. */
export function runsOf(method: Method, { tasks }: Preset, task: string): number {
  const { runs, fineTuning } = tasks[task]!;
  if (method.group === "ablation") return method.layers ? Math.min(runs, findTask(task).paperRuns.length) : 1;
  return finelyTuned(method) ? (fineTuning?.runs[method.group] ?? 0) : runs;
}

/** The rates that a row of a preset chooses among; undefined where the preset names one. */
export const gridOf = (
  { rates, tasks }: Preset,
  task: string,
  method: Method,
): readonly number[] | undefined => (finelyTuned(method) ? tasks[task]!.fineTuning?.rates : rates);

/** Whether a preset trains a row at every rate that it is tried at, not only at the one that it chooses: decoders, where they choose. */
export const atEveryRate = ({ rates }: Preset, method: Method) =>
  rates !== undefined && method.group !== "ablation" && !finelyTuned(method);

/** Trainings of a row at a rate that are judged on held-out training items: of decoders on folds one a fold. */
export function heldOutRuns(method: Method, task: string): number {
  const { split, paperRuns } = findTask(task);
  return split === "folds" && !finelyTuned(method) ? paperRuns.length : HELD_OUT_SEEDS;
}

/** The row whose rate a method takes: its own, or that of the row it varies. */
export const rowOfVariant = (method: Method): Method =>
  methods.find(({ name }) => name === method.variantOf) ?? method;
