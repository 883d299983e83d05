import assert from "node:assert/strict";
import { test } from "node:test";
import { crossedEstimate, type Estimate, estimate, overBlocks } from "#src/statistics/variance-components.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

// rows' means 2, 4 and columns' 1, 3, 5 around 3; rest ±1, ∓1, 0
const block = [
  [1, 1, 4],
  [1, 5, 6],
];

const variance = ({ sums }: Estimate) => sums[0]!.reduce((sum, part) => sum + part.variance, 0);

test("two seeds × three units by hand: mean squares 6, 8 and 2", () => {
  // seeds 3 · (1 + 1) / 1, units 2 · (4 + 0 + 4) / 2, rest (1 + 1 + 1 + 1) / 2
  const { mean, sums } = crossedEstimate([block])!;
  near(mean, 3);
  const parts = sums.flat();
  parts.forEach((part, i) => near(part.variance, [6 / 6, (8 - 2) / 6, 8 / 6][i]!));
  assert.deepEqual(
    parts.map(({ df }) => df),
    [1, 2, 2],
  );
});

test("what every seed shares is counted once: more seeds that agree change nothing", () => {
  const units = [3, -1, 2, 5, 0];
  const [two, four] = [2, 4].map((seeds) => crossedEstimate([Array.from({ length: seeds }, () => units)])!);
  near(variance(two!), variance(four!));
  // the sample variance of the units over their number
  near(variance(two!), (1.2 ** 2 + 2.8 ** 2 + 0.2 ** 2 + 3.2 ** 2 + 1.8 ** 2) / 4 / 5);
});

test("seeds that differ as a whole leave the spread of their means: Student's t over seeds", () => {
  const found = crossedEstimate([[1, 2, 6].map((level) => new Array<number>(50).fill(level))])!;
  const over = overBlocks([1, 2, 6].map((level) => [[level]]))!;
  near(variance(found), variance(over));
  near(found.sums[0]![0]!.df, over.sums[0]![0]!.df);
});

test("blocks of equal spread and other means: the variance falls with their number, their distance does not count", () => {
  const one = crossedEstimate([block])!;
  const moved = block.map((row) => row.map((y) => y + 100));
  const two = crossedEstimate([block, moved])!;
  near(two.mean, 53);
  near(variance(two), variance(one) / 2);
  two.sums.flat().forEach(({ df }, i) => near(df, 2 * one.sums.flat()[i]!.df));
  // over blocks the distance is all there is
  near(variance(overBlocks([block, moved])!), 100 ** 2 / 4);
});

test("one seed a block: over blocks; one run alone says nothing", () => {
  const single = [[[1, 3]], [[2, 6]], [[4, 8]]];
  assert.equal(crossedEstimate(single), undefined);
  assert.deepEqual(estimate(single), overBlocks(single));
  assert.equal(estimate([[[1, 3]]]), undefined);
  assert.equal(estimate([]), undefined);
});

test("seeds that agree by luck leave no less than units alone do", () => {
  // equal means of the seeds, and units whose spread is that of the rest
  const lucky = [
    [1, -1, 0, 0],
    [0, 0, 1, -1],
  ];
  const { sums } = crossedEstimate([lucky])!;
  const [drawn, least] = sums.map((parts) => parts.reduce((sum, part) => sum + part.variance, 0));
  near(drawn!, 0);
  near(least!, 2 / 3 / 8);
});

test("no spread at all", () => {
  const still = [
    [1, 1],
    [1, 1],
  ];
  const found = crossedEstimate([still])!;
  assert.deepEqual([found.mean, variance(found)], [1, 0]);
});
