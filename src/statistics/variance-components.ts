/** The mean of measurements that vary for several reasons at once, and how sure it is. */
import { mean, sampleVariance, sum } from "simple-statistics";

/** Measurements [seeds][units]: every seed of a block measures every unit of it. */
export type Block = readonly (readonly number[])[];

/** A variance and its degrees of freedom. */
export interface Part {
  variance: number;
  df: number;
}

/** A mean, and its variance as a sum of parts; where there are several such sums, the one that leaves most room counts. */
export interface Estimate {
  mean: number;
  sums: readonly (readonly Part[])[];
}

/**
 * The mean over blocks where seeds and units are both drawn at random: crossed within a block, nested in it between blocks. Images and
 * texts are one block of seeds × items; speech is a block a fold, of its own seeds × its own actors.
 *
 * Within a block y = μ + seed + unit + rest, without replication: Var(ȳ) = (MS_seeds + MS_units − MS_rest) / (seeds · units) of the
 * expected mean squares, pooled over blocks. What seeds and units have in common is counted once. The parts are MS_seeds, whose degrees of
 * freedom are few, and what units add to it, MS_units − MS_rest. Never less than MS_units counts, which is what seeds that do not matter
 * would leave: of few seeds, MS_seeds may be small by luck.
 *
 * The t that follows holds neither seeds nor units fixed, as the quasi-F of designs with random subjects and random items (Clark 1973,
 * "The language-as-fixed-effect fallacy"); see `halfWidth` for how parts are added.
 * @returns undefined where a block has a single seed or unit, or there is none.
 */
export function crossedEstimate(blocks: readonly Block[]): Estimate | undefined {
  if (!blocks.length || blocks.some((block) => block.length < 2 || block[0]!.length < 2)) return undefined;
  const squares = blocks.map(sumsOfSquares);
  const pooled = (source: Source) => {
    const df = sum(squares.map((of) => of[source].df));
    return { value: sum(squares.map((of) => of[source].sum)) / df, df };
  };
  const [seeds, units, rest] = [pooled("seeds"), pooled("units"), pooled("rest")];
  const share = sum(blocks.map((block) => 1 / (block.length * block[0]!.length))) / blocks.length ** 2;
  return {
    mean: mean(blocks.map(meanOf)),
    sums: [
      [
        { variance: share * seeds.value, df: seeds.df },
        { variance: share * Math.max(units.value - rest.value, 0), df: units.df },
      ],
      [{ variance: share * Math.max(units.value, rest.value), df: units.df }],
    ],
  };
}

/** The mean over blocks from the spread of the blocks' means alone (Student's t); undefined for fewer than two blocks. */
export function overBlocks(blocks: readonly Block[]): Estimate | undefined {
  if (blocks.length < 2) return undefined;
  const means = blocks.map(meanOf);
  const variance = sampleVariance(means) / blocks.length;
  return { mean: mean(means), sums: [[{ variance, df: blocks.length - 1 }]] };
}

/**
 * {@link crossedEstimate}; over blocks where a block has one seed, whose spread cannot be told from that of the units; undefined where
 * there is one block of one seed.
 */
export const estimate = (blocks: readonly Block[]): Estimate | undefined =>
  crossedEstimate(blocks) ?? overBlocks(blocks);

const meanOf = (block: Block) => mean(block.map((row) => mean([...row])));

type Source = "seeds" | "units" | "rest";

function sumsOfSquares(block: Block): Record<Source, { sum: number; df: number }> {
  const [seeds, units] = [block.length, block[0]!.length];
  const rows = block.map((row) => row.reduce((a, b) => a + b, 0) / units);
  const columns = block[0]!.map((_, u) => block.reduce((a, row) => a + row[u]!, 0) / seeds);
  const centre = rows.reduce((a, b) => a + b, 0) / seeds;
  let rest = 0;
  block.forEach((row, s) => row.forEach((y, u) => (rest += (y - rows[s]! - columns[u]! + centre) ** 2)));
  const around = (means: readonly number[]) => means.reduce((a, m) => a + (m - centre) ** 2, 0);
  return {
    seeds: { sum: units * around(rows), df: seeds - 1 },
    units: { sum: seeds * around(columns), df: units - 1 },
    rest: { sum: rest, df: (seeds - 1) * (units - 1) },
  };
}
