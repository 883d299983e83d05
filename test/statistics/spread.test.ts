import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "#src/random.js";
import { ratioOfSds } from "#src/statistics/spread.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

test("twice the spread is a ratio of 2, sure where the pairs go together", () => {
  const { ratio, interval } = ratioOfSds([[3, 5, 2, 7, 4].map((b) => [2 * b, b] as const)]);
  for (const value of [ratio, ...interval!]) near(value, 2);
});

test("the spread is taken within groups", () => {
  const pairs = [0, 1, 3, 4].map((b) => [b, 3 * b] as const);
  near(ratioOfSds([pairs, pairs.map(([a, b]) => [a + 50, b - 70] as const)]).ratio, 1 / 3);
});

test("what does not vary has no ratio, few pairs no interval", () => {
  assert.equal(
    ratioOfSds([
      [
        [1, 4],
        [2, 4],
      ],
    ]).ratio,
    Infinity,
  );
  assert.ok(
    Number.isNaN(
      ratioOfSds([
        [
          [3, 4],
          [3, 4],
        ],
      ]).ratio,
    ),
  );
  assert.equal(
    ratioOfSds([
      [
        [1, 2],
        [2, 5],
        [4, 4],
      ],
    ]).interval,
    undefined,
  );
});

test("ten normal pairs whose sds are 3 and 2: 95 % intervals hold 1.5 in 93 to 97 % of 2,000 simulations", () => {
  const random = randomStream(4, "ratio");
  let covered = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const pairs = Array.from({ length: 10 }, () => {
      const common = random.normal();
      return [3 * (0.6 * common + 0.8 * random.normal()), 2 * common] as const;
    });
    const [low, high] = ratioOfSds([pairs]).interval!;
    if (low <= 1.5 && high >= 1.5) covered++;
  }
  assert.ok(covered >= 1860 && covered <= 1940, `${covered} of 2000`);
});
