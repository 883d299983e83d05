import { isDeepStrictEqual } from "node:util";
import type { CellConfig, Part } from "../types.js";

/** A cell of the plan. */
export interface Cell {
  /** `task/method/run-1`. */
  name: string;
  task: string;
  method: string;
  run: number;
  part: Part;
  /** Undefined while it depends on cells that are not finished. */
  config?: CellConfig;
  /** Names of the cells that its configuration depends on. */
  needs: string[];
}

export const cellName = (task: string, method: string, run: number) => `${task}/${method}/run-${run}`;

/** Whether two configurations give the same figures: equal in every entry. */
export const sameConfig = (a: CellConfig, b: CellConfig) => isDeepStrictEqual(a, b);
