import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decide,
  differenceP,
  equivalenceP,
  interval,
  smallestDifference,
} from "#src/statistics/inference.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-3, `${actual} is not ${expected}`);
const found = { mean: 1, sums: [[{ variance: 0.25, df: 4 }]] };
/** A tenth of the variance from three seeds, the rest from many items. */
const mixed = {
  mean: 1,
  sums: [
    [
      { variance: 0.025, df: 2 },
      { variance: 0.225, df: 4000 },
    ],
  ],
};

test("interval, p and power of mean 1, standard error ½, 4 degrees of freedom", () => {
  interval(found).forEach((end, i) => near(end, [1 - 2.7764 / 2, 1 + 2.7764 / 2][i]!));
  // P(|T| > 2) at 4 degrees of freedom
  near(differenceP(found), 0.1161);
  near(smallestDifference(found), (2.7764 + 0.941) / 2);
});

test("parts are added at their own quantiles: 4.303 for three seeds, 1.961 for many items", () => {
  const half = Math.sqrt(4.3027 ** 2 * 0.025 + 1.9606 ** 2 * 0.225);
  interval(mixed).forEach((end, i) => near(end, [1 - half, 1 + half][i]!));
  // p is where the interval ends at 0
  const p = differenceP(mixed);
  near(interval(mixed, 1 - p)[0], 0);
  near(differenceP({ ...mixed, mean: -1 }), p);
  near(differenceP({ ...mixed, mean: 0 }), 1);
  assert.ok(differenceP({ ...mixed, mean: 1e6 }) < 1e-11);
});

test("of several sums the one that leaves most room counts", () => {
  const both = { mean: 1, sums: [...found.sums, ...mixed.sums] };
  for (const level of [0.9, 0.99])
    near(interval(both, level)[1], Math.max(interval(found, level)[1], interval(mixed, level)[1]));
  near(differenceP(both), Math.max(differenceP(found), differenceP(mixed)));
  near(equivalenceP(both, 2), Math.max(equivalenceP(found, 2), equivalenceP(mixed, 2)));
});

test("equivalence is shown where the 90 % interval lies within the margin", () => {
  for (const of of [found, mixed]) {
    const [, high] = interval(of, 0.9);
    for (const margin of [high - 0.01, high + 0.01])
      assert.equal(equivalenceP(of, margin) < 0.05, margin > high);
  }
  near(equivalenceP({ ...found, mean: -1 }, 2), equivalenceP(found, 2));
  // beyond the margin there is nothing to show
  assert.ok(equivalenceP({ ...found, mean: 3 }, 2) > 0.5);
});

test("without any spread a difference is certain, and so is its absence", () => {
  const still = { mean: 0, sums: [[{ variance: 0, df: 3 }]] };
  assert.deepEqual([differenceP(still), equivalenceP(still, 1)], [1, 0]);
  assert.deepEqual([differenceP({ ...still, mean: 2 }), equivalenceP({ ...still, mean: 2 }, 1)], [0, 1]);
  assert.deepEqual(interval({ ...still, mean: 2 }), [2, 2]);
});

test("equivalence goes before a difference; without either nothing is decided", () => {
  assert.equal(decide(0.5, { difference: 0.001, equivalence: 0.01 }), "equivalent");
  assert.equal(decide(1.5, { difference: 0.001, equivalence: 1 }), "better");
  assert.equal(decide(-1.5, { difference: 0.049, equivalence: 1 }), "worse");
  assert.equal(decide(1.5, { difference: 0.05, equivalence: 0.05 }), "undecided");
});
