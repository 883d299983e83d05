import { mean, standardDeviation, sum } from "simple-statistics";

/** Mean and population standard deviation (as the paper's LoRA rows have it) of `n` runs. */
export interface Summary {
  mean: number;
  sd: number;
  n: number;
}

/** To 12 digits: adding 62.7 and 66.6 in binary must not turn 67.78 into 67.77999… */
export const tidy = (x: number) => Number(x.toPrecision(12));

export function summarise(values: number[]): Summary {
  return { mean: tidy(mean(values)), sd: tidy(standardDeviation(values)), n: values.length };
}

/** Two-sided 95 % quantiles of Student's t for 1, 2, … 30 degrees of freedom; beyond, the normal one is less than 4 % too small. */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export interface RunDifference {
  /** Mean of a − b, and its 95 % interval (Student's t over the pairs); infinite for a single pair. */
  mean: number;
  low: number;
  high: number;
  n: number;
}

/** a − b over runs that share their data and seeds; the interval holds for the spread over runs alone. */
export function pairedDifference(a: number[], b: number[]): RunDifference {
  const { mean: centre, sd, n } = summarise(a.map((value, i) => value - b[i]!));
  const half = n < 2 ? Infinity : ((T95[n - 2] ?? 1.96) * sd) / Math.sqrt(n - 1);
  return { mean: centre, low: centre - half, high: centre + half, n };
}

/** Share in % of the most frequent of classes that were counted. */
export const majority = (counts: readonly number[]) => (100 * Math.max(...counts)) / sum(counts);

/** What stands where there is nothing to summarise. */
export const notRun = "not run yet";

/** "67.8 ± 1.5". */
export function plusMinus({ mean, sd }: { mean: number; sd: number }, digits = 1): string {
  return `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
}
