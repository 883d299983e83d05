import type { Case } from "./cases.js";
import type { Side } from "./side.js";

/** Both sides' times in turn. */
export interface Comparison {
  /** ms of each round */
  ours: number[];
  peers: number[];
  /** ours by theirs, round by round */
  ratios: number[];
  /** multiplications and additions of a step, or bytes that it moves, on each side */
  amount?: number;
  peersAmount?: number;
  /** bytes that our process took at most, where that was asked for */
  peak?: number;
  /** why the peer cannot do the case */
  error?: string;
}

export async function compare(
  wanted: Case,
  ours: Side,
  peer: Side | undefined,
  rounds: number,
): Promise<Comparison> {
  const all: Comparison = { ours: [], peers: [], ratios: [] };
  for (let round = 0; round < rounds; round++) {
    const [here, there] = [await ours.time(wanted), await peer?.time(wanted)];
    if (here.ms) all.ours.push(here.ms);
    if (there?.ms) all.peers.push(there.ms);
    if (here.ms && there?.ms) all.ratios.push(here.ms / there.ms);
    all.amount = here.amount;
    all.peersAmount = there?.amount;
    all.peak = here.peak;
    all.error = there?.error;
  }
  return all;
}

export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Our median, the peer's, and the least, median and greatest ratio. */
export function cells({ ours, peers, ratios }: Comparison): string[] {
  const ms = (values: number[]) =>
    values.length ? median(values).toFixed(median(values) < 100 ? 2 : 0) : "–";
  const range = [Math.min(...ratios), median(ratios), Math.max(...ratios)].map((ratio) => ratio?.toFixed(2));
  return [ms(ours), ms(peers), ratios.length ? range.join(" – ") : "–"];
}
