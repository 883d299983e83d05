/** The learning rates that rows have chosen, from the published search (search.ts). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.js";
import { resultsFolder } from "../../folders.js";

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

/**
 * The trials of a preset's published search; none where there is none.
 * @throws UserError for a damaged file: taken for none, rows would train at rates that they have not chosen
 */
export function readSearch(preset: string): Trial[] {
  const path = searchPath(preset);
  try {
    const trials: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (Array.isArray(trials)) return trials as Trial[];
    throw new Error("it holds no list of trials");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new UserError(
      `${path} cannot be read (${message.split("\n")[0]}): restore it (git checkout -- ${path}), ` +
        `or remove it and search anew (daam tune --preset ${preset})`,
    );
  }
}

/**
 * The rate of the highest held-out accuracy of each row at the last epoch. Where rates are equally good, as those are with which a row
 * learns nothing, the one nearest to the middle of all that were tried, and of two as near the lower.
 */
export function chosenRates(trials: readonly Trial[]): Rates {
  const tried = new Map<string, Trial[]>();
  for (const trial of trials) {
    const key = `${trial.task}/${trial.method}`;
    tried.set(key, [...(tried.get(key) ?? []), trial]);
  }
  const rates: Rates = {};
  for (const row of tried.values()) {
    const order = row.map(({ rate }) => rate).sort((a, b) => a - b);
    const off = ({ rate }: Trial) => Math.abs(order.indexOf(rate) - (order.length - 1) / 2);
    const [{ task, method, rate }] = row.sort(
      (a, b) => b.last - a.last || off(a) - off(b) || a.rate - b.rate,
    ) as [Trial];
    (rates[task] ??= {})[method] = rate;
  }
  return rates;
}
