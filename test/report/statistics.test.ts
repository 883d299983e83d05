import assert from "node:assert/strict";
import { test } from "node:test";
import { pairedDifference, plusMinus, summarise } from "#src/report/statistics.js";

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

test("beyond ten degrees of freedom the normal quantile stands in: ± 1 twelve times gives ± 1.96 / √11", () => {
  const signs = Array.from({ length: 12 }, (_, i) => (i % 2 ? 1 : -1));
  const { mean, low, high } = pairedDifference(signs, new Array<number>(12).fill(0));
  assert.equal(mean, 0);
  near(low, -1.96 / Math.sqrt(11));
  near(high, 1.96 / Math.sqrt(11));
});

test("a single pair says nothing of the spread", () => {
  assert.deepEqual(pairedDifference([3], [1]), { mean: 2, low: -Infinity, high: Infinity, n: 1 });
});
