/** What differences between methods are worth: bootstrap intervals, sign-flip tests, Holm's correction. */
import { binomial, randomStream, type Random } from "../../random.js";

/** Draws of a bootstrap, flips of a permutation test. */
export const DRAWS = 10_000;

/** Beyond so many groups signs are drawn; up to it every choice of signs is counted. */
const MOST_EXACT = 13;

/**
 * Differences between two methods by seed and group. A group (an actor, or a single item) is resampled as a whole; the mean difference
 * is Σ share · sum ÷ Σ share · items over seeds and groups.
 */
export interface GroupedDifferences {
  /** [seeds][groups]: whole numbers, correct answers of the first method less those of the second. */
  sums: Int16Array[];
  /** [seeds][groups]: test items; 0 where a seed did not test the group. */
  items: Int16Array[];
  /** [groups]: one over the test items of the runs that test the group, so that every run weighs the same. */
  shares: Float64Array;
}

/** The mean difference, in 0–1. */
export function meanDifference(data: GroupedDifferences): number {
  return total(data.sums, data.shares) / total(data.items, data.shares);
}

const total = (rows: Int16Array[], shares: Float64Array) =>
  rows.reduce((sum, row) => row.reduce((part, value, group) => part + value * shares[group]!, sum), 0);

/**
 * Percentile interval (95 %) of the mean difference: each draw takes seeds with replacement and groups with replacement (Owen and Eckles
 * 2012, "Bootstrapping data arrays of arbitrary order": the pigeonhole bootstrap).
 */
export function bootstrapInterval(data: GroupedDifferences, draws = DRAWS): [low: number, high: number] {
  const random = randomStream(1, "bootstrap");
  const kinds = kindsOf(data);
  const sample = kinds.alike ? sampleOfItems(kinds) : sampleOfGroups(kinds);
  const seeds = data.sums.length;
  const counts = new Int32Array(seeds);
  const found = Float64Array.from({ length: draws }, () => {
    counts.fill(0);
    for (let i = 0; i < seeds; i++) counts[random.below(seeds)]!++;
    return sample(counts, random);
  });
  return percentiles(found);
}

/** The 2.5 and 97.5 % points of what a bootstrap drew; draws that are no number are passed over. */
export function percentiles(draws: Float64Array): [low: number, high: number] {
  const sorted = draws.filter((value) => !Number.isNaN(value)).sort();
  const at = (q: number) => sorted[Math.round(q * (sorted.length - 1))]!;
  return [at(0.025), at(0.975)];
}

/** Groups that are equal in every seed are of one kind: most items are. */
interface Kinds {
  /** Groups of each kind, and of all. */
  counts: Int32Array;
  groups: number;
  /** By seed, the kinds whose sum is not 0, and those sums. */
  sums: { kinds: Int32Array; values: Int16Array }[];
  items: Int16Array[];
  shares: Float64Array;
  /** Whether every group is one item and was tested by every seed. */
  alike: boolean;
}

function kindsOf({ sums, items, shares }: GroupedDifferences): Kinds {
  const firsts = new Map<string, { group: number; count: number }>();
  shares.forEach((share, group) => {
    const key = [share, ...sums.map((row) => row[group]), ...items.map((row) => row[group])].join();
    const known = firsts.get(key);
    if (known) known.count++;
    else firsts.set(key, { group, count: 1 });
  });
  const kinds = [...firsts.values()];
  return {
    counts: Int32Array.from(kinds, ({ count }) => count),
    groups: shares.length,
    sums: sums.map((row) => {
      const present = kinds.flatMap(({ group }, kind) => (row[group] ? [{ kind, value: row[group] }] : []));
      return {
        kinds: Int32Array.from(present, ({ kind }) => kind),
        values: Int16Array.from(present, ({ value }) => value),
      };
    }),
    items: items.map((row) => Int16Array.from(kinds, ({ group }) => row[group]!)),
    shares: Float64Array.from(kinds, ({ group }) => shares[group]!),
    alike: items.every((row) => row.every((n) => n === 1)) && shares.every((share) => share === shares[0]),
  };
}

type Sample = (seedCounts: Int32Array, random: Random) => number;

/** Once the seeds are drawn, single items differ by their summed difference alone: so many categories are drawn, not items. */
function sampleOfItems({ counts, groups, sums, items }: Kinds): Sample {
  const seeds = items.length;
  const most =
    seeds * Math.max(1, ...sums.map(({ values }) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)));
  const [values, histogram] = [new Int32Array(counts.length), new Int32Array(2 * most + 1)];
  return (seedCounts, random) => {
    addSums(values, sums, seedCounts);
    histogram.fill(0);
    for (let kind = 0; kind < values.length; kind++) histogram[values[kind]! + most]! += counts[kind]!;
    let sum = 0;
    multinomial(groups, histogram, random, (at, count) => (sum += count * (at - most)));
    return sum / (groups * seeds);
  };
}

function sampleOfGroups({ counts, groups, sums, items, shares }: Kinds): Sample {
  const values = new Int32Array(counts.length);
  return (seedCounts, random) => {
    addSums(values, sums, seedCounts);
    let [sum, size] = [0, 0];
    multinomial(groups, counts, random, (kind, count) => {
      const tested = items.reduce((n, row, seed) => n + seedCounts[seed]! * row[kind]!, 0);
      sum += count * shares[kind]! * values[kind]!;
      size += count * shares[kind]! * tested;
    });
    return sum / size;
  };
}

function addSums(into: Int32Array, sums: Kinds["sums"], seedCounts: Int32Array): void {
  into.fill(0);
  sums.forEach(({ kinds, values }, seed) => {
    const times = seedCounts[seed]!;
    if (times) for (let i = 0; i < kinds.length; i++) into[kinds[i]!]! += times * values[i]!;
  });
}

/** `n` draws with replacement from categories of these sizes (their sum is n): tells how often each was drawn. */
function multinomial(
  n: number,
  sizes: Int32Array,
  random: Random,
  tell: (category: number, count: number) => void,
): void {
  let [draws, left] = [n, n];
  for (let category = 0; draws > 0; category++) {
    const size = sizes[category]!;
    if (size === 0) continue;
    const count = size === left ? draws : binomial(draws, size / left, random);
    if (count) tell(category, count);
    draws -= count;
    left -= size;
  }
}

/**
 * Two-sided p that the mean difference is 0: the sign of each group's difference, averaged over seeds, is as likely + as −. Counted exactly
 * up to 13 groups that differ, otherwise from seeded flips, the observed signs among them.
 */
export function signFlipP({ sums, items, shares }: GroupedDifferences, flips = DRAWS): number {
  const size = total(items, shares);
  const values = [...shares].map(
    (share, group) => (share * sums.reduce((sum, row) => sum + row[group]!, 0)) / size,
  );
  const sizes = values.map(Math.abs).filter((value) => value > 0);
  // Sums of the same numbers in another order differ in the last digits.
  const observed = Math.abs(values.reduce((a, b) => a + b, 0)) * (1 - 1e-9);
  return sizes.length <= MOST_EXACT ? countedP(sizes, observed) : drawnP(sizes, observed, flips);
}

function countedP(sizes: number[], observed: number): number {
  let extreme = 0;
  const choices = 2 ** sizes.length;
  for (let signs = 0; signs < choices; signs++) {
    const sum = sizes.reduce((sum, size, i) => sum + (signs & (1 << i) ? size : -size), 0);
    if (Math.abs(sum) >= observed) extreme++;
  }
  return extreme / choices;
}

function drawnP(sizes: number[], observed: number, flips: number): number {
  const random = randomStream(1, "sign flips");
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  let extreme = 1;
  for (let flip = 0; flip < flips; flip++) {
    let sum = 0;
    for (const [size, count] of counts) sum += size * (2 * binomial(count, 0.5, random) - count);
    if (Math.abs(sum) >= observed) extreme++;
  }
  return extreme / (flips + 1);
}

/** Holm's (1979) adjusted p of several tests, in their order: none is rejected at 5 % unless its own is below 0.05. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => p[a]! - p[b]!);
  const adjusted = new Array<number>(p.length);
  let highest = 0;
  order.forEach((test, rank) => {
    highest = Math.max(highest, Math.min(1, (p.length - rank) * p[test]!));
    adjusted[test] = highest;
  });
  return adjusted;
}
