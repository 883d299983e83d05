import { basename, dirname } from "node:path";
import type { ExtractionSettings } from "../../features/extraction.js";
import { shiftName } from "../../shifts/shift.js";
import type { Cell } from "./cell.js";
import type { Cells } from "../outcome/store.js";
import { findTask } from "./tasks.js";
import type { CellResult, Preset } from "../types.js";

/** Rows that are tested on shifted inputs too: density attention, dot-product attention in both forms, and the controls. */
export const robustnessMethods: readonly string[] = [
  "daam-v1",
  "daam-v2",
  "mixture",
  "mha",
  "mha-layers",
  "softmax-weights",
  "no-attention",
];

export const robustnessName = (task: string, method: string, run: number) =>
  `${task}/${method}/robustness-${run}`;

/** How the hidden states of a task's shifted test items are made, by shift; none where the preset does not test on them. */
export function shiftedExtractions({ tasks }: Preset, task: string): Record<string, ExtractionSettings> {
  const { extraction, robustness } = tasks[task]!;
  if (!extraction || !robustness) return {};
  const { split, shifts = [] } = findTask(task);
  // every fold tests some of the items, so that all of them are needed
  const perClass = split === "runs" ? { perClass: { train: 0, test: robustness.perClass } } : {};
  return Object.fromEntries(shifts.map((shift) => [shiftName(shift), { ...extraction, ...perClass, shift }]));
}

/**
 * Cells that train as those of the table do, at the rate that their row has chosen, and are then tested on shifted inputs.
 * @param paths feature files of shifted test items, by shift
 * @param cellOf the cell of the table, by method and run
 */
export function robustnessCells(
  { tasks }: Preset,
  task: string,
  paths: Record<string, string>,
  cellOf: (method: string, run: number) => Cell,
): Cell[] {
  const { robustness, runs } = tasks[task]!;
  const shifts = Object.fromEntries(
    Object.entries(paths).map(([shift, path]) => [shift, basename(dirname(path))]),
  );
  if (!robustness || Object.keys(shifts).length === 0) return [];
  const count = Math.min(robustness.runs, runs);
  return robustnessMethods.flatMap((method) =>
    Array.from({ length: count }, (_, i): Cell => {
      const { config, needs } = cellOf(method, i + 1);
      const name = robustnessName(task, method, i + 1);
      return {
        name,
        task,
        method,
        run: i + 1,
        part: "robustness",
        needs,
        ...(config && { config: { ...config, shifts } }),
      };
    }),
  );
}

/** Cells of a preset's robustness that a store holds, whatever their configuration. */
export function recordedRobustness({ tasks }: Preset, store: Cells): CellResult[] {
  return Object.entries(tasks).flatMap(([task, { robustness }]) =>
    robustnessMethods.flatMap((method) =>
      Array.from({ length: robustness?.runs ?? 0 }, (_, i) => i + 1).flatMap(
        (run) => store.read(robustnessName(task, method, run)) ?? [],
      ),
    ),
  );
}
