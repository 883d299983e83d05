/** The learning rates that rows have chosen, from the published search (search.ts). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resultsFolder } from "../folders.js";

/** Learning rates by task and method. */
export type Rates = Record<string, Record<string, number>>;

/** One training of a search. */
export interface Trial {
  task: string;
  method: string;
  rate: number;
  /** Accuracy on held-out training items, in 0–1: at the last epoch, which decides, and at the best. */
  last: number;
  best: number;
}

export const searchPath = (preset: string) => join(resultsFolder(preset), "search.json");

/** The trials of a preset's published search; none where there is none. */
export function readSearch(preset: string): Trial[] {
  try {
    return JSON.parse(readFileSync(searchPath(preset), "utf8")) as Trial[];
  } catch {
    return [];
  }
}

/** The rate of the highest held-out accuracy of each row at the last epoch; of equals the lowest. */
export function chosenRates(trials: readonly Trial[]): Rates {
  const best = new Map<string, Trial>();
  for (const trial of trials) {
    const key = `${trial.task}/${trial.method}`;
    const found = best.get(key);
    if (!found || trial.last > found.last || (trial.last === found.last && trial.rate < found.rate))
      best.set(key, trial);
  }
  const rates: Rates = {};
  for (const { task, method, rate } of best.values()) (rates[task] ??= {})[method] = rate;
  return rates;
}
