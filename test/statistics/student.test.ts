import assert from "node:assert/strict";
import { test } from "node:test";
import { incompleteBeta, studentCumulative, studentQuantile } from "#src/statistics/student.js";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);

// Abramowitz and Stegun, table 26.10; the last is the normal quantile and its first correction, z + (z³ + z) / 4ν
for (const [p, df, expected] of [
  [0.975, 1, 12.706],
  [0.975, 4, 2.776],
  [0.975, 10, 2.228],
  [0.95, 30, 1.697],
  [0.8, 9, 0.883],
  [0.995, 120, 2.617],
] as const)
  test(`quantile ${p} of Student's t at ${df} degrees of freedom is ${expected}`, () =>
    near(studentQuantile(p, df), expected, 5e-4));

test("closed forms: arctan at one degree of freedom, t / √(2 + t²) at two, the normal one at many", () => {
  for (const t of [-3, -0.5, 0, 1, 20]) {
    near(studentCumulative(t, 1), 0.5 + Math.atan(t) / Math.PI, 1e-12);
    near(studentCumulative(t, 2), 0.5 + t / (2 * Math.sqrt(2 + t * t)), 1e-12);
  }
  near(studentQuantile(0.975, 1e6), 1.959963985 + (1.959963985 ** 3 + 1.959963985) / 4e6, 1e-8);
});

test("quantile and cumulative are inverse, and odd, also between whole degrees of freedom", () => {
  for (const df of [0.7, 2.5, 17.3, 4000])
    for (const p of [0.001, 0.2, 0.5, 0.9]) {
      near(studentCumulative(studentQuantile(p, df), df), p, 1e-9);
      near(studentQuantile(1 - p, df), -studentQuantile(p, df), 1e-7);
    }
  near(studentCumulative(-2.776445105, 4), 0.025, 1e-9);
  assert.equal(studentQuantile(1, 3), Infinity);
});

test("the incomplete beta function is a binomial's tail: I_0.3(4, 3) = P(X ≥ 4) of 6 trials", () => {
  const tail = 15 * 0.3 ** 4 * 0.7 ** 2 + 6 * 0.3 ** 5 * 0.7 + 0.3 ** 6;
  near(incompleteBeta(0.3, 4, 3), tail, 1e-12);
  assert.deepEqual([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)], [0, 1]);
});
