/** Rows that a preset shows and does not train: those that fine-tune, where hidden states are shipped. */
import { resultsFolder } from "../../folders.js";
import { cellName } from "../plan/cell.js";
import { atEveryRate, gridOf, runsOf } from "../plan/budget.js";
import { methods } from "../plan/methods.js";
import { findPreset, RECORDED } from "../plan/presets.js";
import { PublishedCells } from "./published-cells.js";
import type { CellResult, Method, Preset } from "../types.js";

/** Rows of a preset's tables. Those that it does not train are recorded ones where its hidden states are the shipped ones, of the same encoders. */
export function tableMethods(preset: Preset): Method[] {
  const shipped = Object.values(preset.tasks).every(({ extraction }) => !extraction);
  return methods.flatMap((method) => {
    const trains = Object.keys(preset.tasks).some((task) => runsOf(method, preset, task) > 0);
    if (!trains && !shipped) return [];
    const from = trains ? preset : findPreset(RECORDED);
    return {
      ...method,
      runs: (task) => runsOf(method, from, task),
      rates: (task) => gridOf(from, task, method),
      everyRate: atEveryRate(from, method),
      ...(!trains && { recorded: RECORDED }),
    };
  });
}

/** The published cells of recorded rows on these tasks, as many as there are. */
export function recordedCells(rows: readonly Method[], tasks: readonly string[]): CellResult[] {
  return rows.flatMap(({ name, recorded, runs }) => {
    if (!recorded) return [];
    const store = new PublishedCells(resultsFolder(recorded));
    return tasks.flatMap((task) =>
      Array.from({ length: runs!(task) }, (_, i) => store.read(cellName(task, name, i + 1)) ?? []).flat(),
    );
  });
}
