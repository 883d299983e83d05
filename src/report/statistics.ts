import { mean, standardDeviation } from "simple-statistics";

/** Mean and population standard deviation (as the paper's LoRA rows have it) of `n` runs. */
export interface Summary {
  mean: number;
  sd: number;
  n: number;
}

export function summarise(values: number[]): Summary {
  // Adding 62.7 and 66.6 in binary must not turn 67.78 into 67.77999…
  const tidy = (x: number) => Number(x.toPrecision(12));
  return { mean: tidy(mean(values)), sd: tidy(standardDeviation(values)), n: values.length };
}

/** "67.8 ± 1.5". */
export function plusMinus({ mean, sd }: { mean: number; sd: number }, digits = 1): string {
  return `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
}
