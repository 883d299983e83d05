import assert from "node:assert/strict";
import { test } from "node:test";
import { pairedDifference } from "#src/statistics/paired.js";
import { summarise } from "#src/statistics/summary.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-3 * Math.abs(expected), `${actual} is not ${expected}`);

test("mean and population sd: 2, 4, 4, 4, 5, 5, 7, 9 have 5 and 2", () => {
  assert.deepEqual(summarise([2, 4, 4, 4, 5, 5, 7, 9]), { mean: 5, sd: 2, n: 8 });
});

test("a paired difference has Student's interval: differences 1, 2, 3 give 2 ± 4.303 / √3", () => {
  const { mean, low, high, n } = pairedDifference([2, 4, 6], [1, 2, 3]);
  assert.deepEqual([mean, n], [2, 3]);
  near(low, 2 - 4.303 / Math.sqrt(3));
  near(high, 2 + 4.303 / Math.sqrt(3));
});

test("a single pair says nothing of the spread", () => {
  assert.deepEqual(pairedDifference([3], [1]), { mean: 2, low: -Infinity, high: Infinity, n: 1 });
});
