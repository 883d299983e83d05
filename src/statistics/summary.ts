import { mean, standardDeviation, sum } from "simple-statistics";

/** Mean and population standard deviation (as the paper's LoRA rows have it) of `n` runs. */
export interface Summary {
  mean: number;
  sd: number;
  n: number;
}

/** To 12 digits: adding 62.7 and 66.6 in binary must not turn 67.78 into 67.77999… */
export const tidy = (x: number) => Number(x.toPrecision(12));

export function summarise(values: readonly number[]): Summary {
  const list = [...values];
  return { mean: tidy(mean(list)), sd: tidy(standardDeviation(list)), n: list.length };
}

/** Share in % of the most frequent of classes that were counted. */
export const majority = (counts: readonly number[]) => (100 * Math.max(...counts)) / sum([...counts]);
