/** What an estimate says: interval, tests, equivalence, power, verdict. */
import { studentCumulative, studentQuantile } from "./student.js";
import type { Estimate, Part } from "./variance-components.js";

/**
 * How far the mean may be from the truth on one side with probability `level`: √Σ t²(level, df) · variance over the parts (Howe 1974,
 * "Approximate confidence limits on the mean of X + Y", JASA 69; Graybill and Wang 1980, JASA 75, for variances). Student's t where there
 * is one part, the widest of several sums. Satterthwaite's degrees of freedom are not taken: with three seeds they reject at 0.5 % four times too often, and Holm's
 * correction asks for such p.
 */
export const halfWidth = ({ sums }: Estimate, level: number): number =>
  Math.max(...sums.map((parts) => widthOf(parts, level)));

const widthOf = (parts: readonly Part[], level: number) =>
  Math.sqrt(parts.reduce((sum, { variance, df }) => sum + studentQuantile(level, df) ** 2 * variance, 0));

/** Two-sided. */
export function interval(of: Estimate, level = 0.95): [low: number, high: number] {
  const half = halfWidth(of, (1 + level) / 2);
  return [of.mean - half, of.mean + half];
}

/** The smallest p that is told from 0. */
const LEAST = 1e-12;

/** One-sided p of a distance: the p at which the half-width is as long. */
function tail({ sums }: Estimate, distance: number): number {
  const beyond = Math.max(...sums.map((parts) => tailOf(parts, Math.abs(distance))));
  return distance < 0 ? 1 - beyond : beyond;
}

/** By bisection of the logarithm of p. */
function tailOf(all: readonly Part[], distance: number): number {
  const parts = all.filter(({ variance }) => variance > 0);
  if (!parts.length) return distance === 0 ? 0.5 : 0;
  if (parts.length === 1) return studentCumulative(-distance / Math.sqrt(parts[0]!.variance), parts[0]!.df);
  let [low, high] = [Math.log(LEAST), Math.log(0.5)];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (widthOf(parts, 1 - Math.exp(middle)) > distance) low = middle;
    else high = middle;
  }
  return Math.exp(high);
}

/** Two-sided p that the true mean is 0. */
export const differenceP = (of: Estimate): number => 2 * tail(of, Math.abs(of.mean));

/**
 * The p of equivalence: the larger one of two one-sided tests that the true mean is at or beyond ± `margin` (Schuirmann 1987). Below 0.05
 * where the 90 % interval lies within the margin.
 */
export const equivalenceP = (of: Estimate, margin: number): number => tail(of, margin - Math.abs(of.mean));

/** The smallest true difference that a two-sided test at 5 % would have found with this power, at this spread. */
export const smallestDifference = (of: Estimate, power = 0.8): number =>
  halfWidth(of, 0.975) + halfWidth(of, power);

export type Decision = "better" | "worse" | "equivalent" | "undecided";

/**
 * Equivalent where that is shown, on whichever side of 0 the mean lies: a margin stated beforehand says which differences do not count;
 * else better or worse where a difference is.
 * @param p of difference and equivalence, each corrected for all tests of its family
 */
export function decide(mean: number, p: { difference: number; equivalence: number }): Decision {
  if (p.equivalence < 0.05) return "equivalent";
  if (p.difference >= 0.05) return "undecided";
  return mean > 0 ? "better" : "worse";
}
