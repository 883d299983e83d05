import assert from "node:assert/strict";
import { test } from "node:test";
import { pairedDifference, plusMinus, summarise } from "#src/report/tables/statistics.js";

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}`);

test("mean and population sd: 2, 4, 4, 4, 5, 5, 7, 9 have 5 and 2", () => {
  const found = summarise([2, 4, 4, 4, 5, 5, 7, 9]);
  assert.deepEqual(found, { mean: 5, sd: 2, n: 8 });
  assert.equal(plusMinus(found), "5.0 ± 2.0");
});

test("a paired difference has Student's interval: differences 1, 2, 3 give 2 ± 4.303 / √3", () => {
  const { mean, low, high, n } = pairedDifference([2, 4, 6], [1, 2, 3]);
  assert.deepEqual([mean, n], [2, 3]);
  near(low, 2 - 4.303 / Math.sqrt(3));
  near(high, 2 + 4.303 / Math.sqrt(3));
});

for (const [n, quantile] of [
  [12, 2.201],
  [30, 2.045],
  [32, 1.96],
] as const)
  test(`± 1, ${n} times, gives ± ${quantile} / √${n - 1}: Student's quantile up to 30 degrees of freedom, then the normal one`, () => {
    const signs = Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1));
    const { mean, low, high } = pairedDifference(signs, new Array<number>(n).fill(0));
    assert.equal(mean, 0);
    near(low, -quantile / Math.sqrt(n - 1));
    near(high, quantile / Math.sqrt(n - 1));
  });

test("a single pair says nothing of the spread", () => {
  assert.deepEqual(pairedDifference([3], [1]), { mean: 2, low: -Infinity, high: Infinity, n: 1 });
});
