/** Learning rates: which ones a row is tried at, and which one it chooses by trainings that are tested on held-out training items. */
import { mean } from "simple-statistics";

/** What is tried below the lowest rate of a grid, as long as that does best. */
const lower = [1e-4, 3e-5];

/** What a row is tried at, and what it chose. */
export interface Choice {
  /** Ascending; the preset's grid, and those below it that were tried since the lowest did best. */
  rates: readonly number[];
  /** Undefined while trainings are missing. */
  chosen?: number;
}

/**
 * What a row chooses among the rates of a grid, which grows downwards while its lowest does best.
 * @param accuracies of a rate's trainings on held-out items at the last epoch, in 0–1; undefined while one is missing
 */
export function choose(
  grid: readonly number[],
  accuracies: (rate: number) => readonly number[] | undefined,
): Choice {
  const rates = [...grid].sort((a, b) => a - b);
  for (;;) {
    const tried = rates.map((rate) => ({ rate, accuracies: accuracies(rate) }));
    if (tried.some((entry) => !entry.accuracies)) return { rates };
    const chosen = bestRate(
      tried.map((entry) => ({ rate: entry.rate, accuracy: mean([...entry.accuracies!]) })),
    );
    const next = chosen === rates[0] ? lower.find((rate) => rate < chosen) : undefined;
    if (next === undefined) return { rates, chosen };
    rates.unshift(next);
  }
}

/**
 * The rate of the highest accuracy. Where rates are equally good, as those are with which a row learns nothing, the one nearest to the
 * middle of all that were tried, and of two as near the lower.
 * @param tried in ascending order of their rates
 */
export function bestRate(tried: readonly { rate: number; accuracy: number }[]): number {
  const off = (at: number) => Math.abs(at - (tried.length - 1) / 2);
  return tried
    .map(({ rate, accuracy }, at) => ({ rate, accuracy, at }))
    .sort((a, b) => b.accuracy - a.accuracy || off(a.at) - off(b.at) || a.rate - b.rate)[0]!.rate;
}
