/** How numbers are written. */
import type { Summary } from "../../statistics/summary.js";

/** What stands where there is nothing to summarise. */
export const notRun = "not run yet";

/** What stands where a row has run at several rates and the trainings are missing by which it chooses. */
export const notChosen = "rate not chosen yet";

/** Behind a rate, and how to read it. */
export const rateRecorded = "recorded";
export const rateRecordedNote =
  "Recorded: a rate that was chosen in an earlier protocol; the trainings by which these rows choose now are not run.";

/** "67.8 ± 1.5"; "67.8" of a single run, which has no spread. */
export function plusMinus({ mean, sd, n }: Summary, digits = 1): string {
  return n === 1 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
}

/** "+3.2", with a true minus sign. */
export const points = (value: number, digits = 1) =>
  `${Number(value.toFixed(digits)) < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** "(+1.0 to +5.4)". Ends next to 0 have a second digit. */
export function intervalText(interval: readonly [low: number, high: number]): string {
  const near = interval.some((end) => end !== 0 && Math.abs(end) < 0.05);
  return `(${interval.map((end) => points(end, near ? 2 : 1)).join(" to ")})`;
}

/** "+3.2 (+1.0 to +5.4)"; the difference alone where there is no interval. */
export const withInterval = (mean: number, interval?: readonly [number, number]) =>
  interval ? `${points(mean)} ${intervalText(interval)}` : points(mean);

export const pText = (p: number | undefined) =>
  p === undefined ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3);

/** "1e-3". */
export const rateText = (rate: number) => rate.toExponential();
