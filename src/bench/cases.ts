/** A decoder to train a step of: density attention, two convolutions, a linear layer, cross-entropy, AdamW. */
export interface Case {
  name: string;
  layers: number;
  features: number;
  heads: number;
  hidden: number;
  classes: number;
  batch: number;
  /** Image that a layer is read as. */
  height: number;
  width: number;
  /** Threads on our side; the peer always gets every core. */
  threads: "one" | "all";
  /** Steps of one round, of which the median counts. */
  steps: number;
}

const small = {
  layers: 12,
  features: 128,
  heads: 4,
  hidden: 64,
  height: 8,
  width: 16,
  threads: "one",
} as const;

export const CASES: readonly Case[] = [
  { name: "12 × 128, 64 channels, batch 8", ...small, classes: 4, batch: 8, steps: 60 },
  { name: "12 × 128, 64 channels, batch 32", ...small, classes: 4, batch: 32, steps: 30 },
  {
    name: "24 × 1024, 512 channels, batch 32",
    ...{ layers: 24, features: 1024, heads: 8, hidden: 512, height: 32, width: 32, threads: "all" },
    ...{ classes: 100, batch: 32, steps: 3 },
  },
];
