import assert from "node:assert/strict";
import { test } from "node:test";
import { binomial, randomStream } from "#src/random.js";

/** n choose k · p^k · (1 − p)^(n − k) for every k. */
function pmf(n: number, p: number): number[] {
  const all = [(1 - p) ** n];
  for (let k = 1; k <= n; k++) all.push((all[k - 1]! * (n + 1 - k) * p) / (k * (1 - p)));
  return all;
}

// both algorithms, and both sides of ½
for (const [n, p] of [
  [24, 1 / 24],
  [60, 0.3],
  [60, 0.9],
  [2000, 0.02],
  [1000, 0.5],
] as const)
  test(`binomial draws of ${n} at ${p.toFixed(3)} have its probabilities`, () => {
    const random = randomStream(11, `binomial ${n} ${p}`);
    const draws = 40_000;
    const counts = new Array<number>(n + 1).fill(0);
    for (let i = 0; i < draws; i++) counts[binomial(n, p, random)]!++;
    const expected = pmf(n, p).map((probability) => draws * probability);
    const bins = expected.flatMap((value, k) => (value >= 5 ? [k] : []));
    const chiSquare = bins.reduce((sum, k) => sum + (counts[k]! - expected[k]!) ** 2 / expected[k]!, 0);
    // mean: the bins; four standard deviations above it
    assert.ok(
      chiSquare < bins.length + 4 * Math.sqrt(2 * bins.length),
      `${chiSquare} in ${bins.length} bins`,
    );
    const inside = bins.reduce((sum, k) => sum + counts[k]!, 0);
    assert.ok(inside > 0.995 * draws);
  });

test("no trials, no chance and certainty", () => {
  const random = randomStream(1, "edges");
  assert.deepEqual([binomial(0, 0.4, random), binomial(9, 0, random), binomial(9, 1, random)], [0, 0, 9]);
});
