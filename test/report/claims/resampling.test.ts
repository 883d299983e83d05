import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "#src/random.js";
import {
  bootstrapInterval,
  type GroupedDifferences,
  holm,
  meanDifference,
  percentiles,
  signFlipP,
} from "#src/report/claims/resampling.js";

/** Single items, all tested by every seed: [seeds][items] of −1, 0, 1. */
const items = (sums: number[][]): GroupedDifferences => ({
  sums: sums.map((row) => Int16Array.from(row)),
  items: sums.map((row) => new Int16Array(row.length).fill(1)),
  shares: new Float64Array(sums[0]!.length).fill(1 / sums[0]!.length),
});

const repeat = (n: number, value: number) => new Array<number>(n).fill(value);
const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);

test("equal methods differ by nothing: interval 0 to 0, p = 1", () => {
  const same = items([repeat(50, 0), repeat(50, 0)]);
  assert.equal(meanDifference(same), 0);
  assert.deepEqual(bootstrapInterval(same, 500), [0, 0]);
  assert.equal(signFlipP(same), 1);
});

test("a shift of every item has no spread: interval of one point, p at its least", () => {
  const shifted = items([repeat(20, 1), repeat(20, 1)]);
  assert.deepEqual(bootstrapInterval(shifted, 500), [1, 1]);
  near(signFlipP(shifted, 999), 0.001, 1e-12);
});

test("items of one seed have the interval of a binomial: 200 of 1000 gained, ± 1.96 · sqrt(0.2 · 0.8 / 1000)", () => {
  const [low, high] = bootstrapInterval(items([[...repeat(200, 1), ...repeat(800, 0)]]));
  near(low, 0.2 - 0.0248, 0.0015);
  near(high, 0.2 + 0.0248, 0.0015);
});

test("seeds are resampled: with every item alike in a seed, the spread is that of the seeds' means", () => {
  // 1 and 0 drawn twice: 0, ½ or 1 with probabilities ¼, ½, ¼
  assert.deepEqual(bootstrapInterval(items([repeat(30, 1), repeat(30, 0)]), 2000), [0, 1]);
});

test("groups are resampled whole: ten groups of 8 items are ten draws, not eighty", () => {
  const groups: GroupedDifferences = {
    sums: [Int16Array.from([...repeat(5, 8), ...repeat(5, 0)])],
    items: [new Int16Array(10).fill(8)],
    shares: new Float64Array(10).fill(1 / 80),
  };
  near(meanDifference(groups), 0.5, 1e-12);
  // binomial of 10 draws at ½: 2.5 % and 97.5 % points 2 and 8
  bootstrapInterval(groups).forEach((end, i) => near(end, [0.2, 0.8][i]!, 1e-12));
});

test("items by kinds and the same items as groups of one have one distribution", () => {
  const random = randomStream(3, "items");
  const rows = [0, 1, 2].map(() => Array.from({ length: 400 }, () => random.below(5) - 2).map(Math.sign));
  const alike = items(rows);
  // a share that differs in the last digit keeps items from being drawn by kinds
  const shares = alike.shares.map((share, i) => (i ? share : share * (1 + 1e-12)));
  const [a, b] = [bootstrapInterval(alike), bootstrapInterval({ ...alike, shares })];
  a.forEach((end, i) => near(end, b[i]!, 0.004));
});

test("every run weighs the same: a fold of 2 items counts as one of 8", () => {
  const folds: GroupedDifferences = {
    sums: [Int16Array.from([2, 0])],
    items: [Int16Array.from([2, 8])],
    shares: Float64Array.from([1 / 2, 1 / 8]),
  };
  assert.equal(meanDifference(folds), 0.5);
});

test("intervals cover the truth about as often as they say", () => {
  const random = randomStream(5, "coverage");
  let covered = 0;
  const trials = 200;
  for (let trial = 0; trial < trials; trial++) {
    // true difference 0.1: +1 with 0.3, −1 with 0.2
    const draw = () => {
      const u = random.uniform();
      return u < 0.3 ? 1 : u < 0.5 ? -1 : 0;
    };
    const [low, high] = bootstrapInterval(items([Array.from({ length: 150 }, draw)]), 400);
    if (low <= 0.1 && high >= 0.1) covered++;
  }
  // 190 expected, standard deviation 3
  assert.ok(covered >= 180 && covered <= 198, `${covered} of ${trials}`);
});

test("the sign flips of few groups are counted: 1, 2 and 3 reach 6 in 2 of 8 choices, 1 and 1 − 2 in every one", () => {
  assert.equal(signFlipP(items([[1, 1, 1]])), 0.25);
  const groups = (sums: number[]) => ({
    sums: [Int16Array.from(sums)],
    items: [new Int16Array(sums.length).fill(3)],
    shares: new Float64Array(sums.length).fill(1 / 9),
  });
  assert.equal(signFlipP(groups([1, 2, 3])), 0.25);
  // |1 + 2 − 1| = 2: sums of signs are ±4, ±2, ±2, 0: six of eight
  assert.equal(signFlipP(groups([1, 2, -1])), 0.75);
  assert.equal(signFlipP(groups([1, 1, -2])), 1);
});

test("drawn sign flips give the binomial p: 60 gained and 40 lost of 100", () => {
  // P(|X − 50| ≥ 10) for 100 fair coins is 0.0569
  near(signFlipP(items([[...repeat(60, 1), ...repeat(40, -1), ...repeat(900, 0)]])), 0.0569, 0.008);
});

test("a seed's draws repeat", () => {
  const random = randomStream(9, "again");
  const data = items([0, 1].map(() => Array.from({ length: 60 }, () => random.below(3) - 1)));
  assert.deepEqual(bootstrapInterval(data), bootstrapInterval(data));
  assert.equal(signFlipP(data), signFlipP(data));
});

test("Holm: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02", () => {
  // sorted 0.005 · 4, 0.01 · 3, 0.03 · 2, 0.04 · 1, each at least the one before
  holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => near(p, [0.03, 0.06, 0.06, 0.02][i]!, 1e-12));
  assert.deepEqual(holm([0.6, 0.9]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test("percentiles pass over what is no number", () => {
  const draws = Float64Array.from({ length: 41 }, (_, i) => (i ? i : NaN));
  assert.deepEqual(percentiles(draws), [2, 39]);
});
