import { studentQuantile } from "./student.js";

/** Pairs that share what is not asked about; the spread is taken within a group of them. */
export type Pairs = readonly (readonly [a: number, b: number])[];

/**
 * Ratio of the standard deviations of a and b, pooled within groups, with its 95 % interval (Pitman 1939, Morgan 1939: a + kb and a − kb
 * are uncorrelated where k is the true ratio). Exact for normal values; the interval is left out below `fewest` pairs.
 * @returns ratio Infinity where b does not vary, NaN where neither does
 */
export function ratioOfSds(
  groups: readonly Pairs[],
  fewest = 5,
): { ratio: number; interval?: [low: number, high: number] } {
  let [aa, bb, ab] = [0, 0, 0];
  for (const pairs of groups) {
    const centre = [0, 1].map((i) => pairs.reduce((sum, pair) => sum + pair[i]!, 0) / pairs.length);
    for (const [a, b] of pairs) {
      const [x, y] = [a - centre[0]!, b - centre[1]!];
      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
  }
  // equal values differ by the rounding of their mean
  const [still, steady] = [aa, bb].map((squares) => squares < 1e-12);
  if (steady) return { ratio: still ? NaN : Infinity };
  const ratio = Math.sqrt(aa / bb);
  const n = groups.reduce((sum, pairs) => sum + pairs.length, 0);
  const df = n - groups.length - 1;
  if (n < fewest || df < 1 || still) return { ratio };
  const k = 1 + (2 * (1 - (ab * ab) / (aa * bb)) * studentQuantile(0.975, df) ** 2) / df;
  const factor = Math.sqrt(k + Math.sqrt(Math.max(0, k * k - 1)));
  return { ratio, interval: [ratio / factor, ratio * factor] };
}
