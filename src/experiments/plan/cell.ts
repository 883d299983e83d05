import { isDeepStrictEqual } from "node:util";
import type { CellConfig, Part } from "../types.js";

/** A cell of the plan. */
export interface Cell {
  /** `task/method/run-1`; `task/method/rate-1e-3/run-1` in presets that train the row at several rates. */
  name: string;
  task: string;
  method: string;
  run: number;
  part: Part;
  /** Undefined while it depends on cells that are not finished. */
  config?: CellConfig;
  /** The configuration while it lacks nothing but the rate, which its row has not chosen yet. */
  withoutRate?: Omit<CellConfig, "learningRate">;
  /** Names of the cells that its configuration depends on. */
  needs: string[];
}

const named = (task: string, method: string, what: string, rate?: number) =>
  [task, method, ...(rate === undefined ? [] : [`rate-${rate.toExponential()}`]), what].join("/");

/** @param rate of rows that are trained at several */
export const cellName = (task: string, method: string, run: number, rate?: number) =>
  named(task, method, `run-${run}`, rate);

/** The training of a row that is tested on held-out training items. */
export const heldOutName = (task: string, method: string, run: number, rate: number) =>
  named(task, method, `held-out-${run}`, rate);

/** Whether two configurations give the same figures: equal in every entry. */
export const sameConfig = (a: CellConfig, b: CellConfig) => isDeepStrictEqual(a, b);

/** Whether a configuration is the given one at some rate. */
export const sameButRate = (config: CellConfig, withoutRate: Omit<CellConfig, "learningRate">) =>
  sameConfig(config, { ...withoutRate, learningRate: config.learningRate });
