import { join } from "node:path";
import { repository } from "../folders.js";

interface Timed {
  name: string;
  /** Threads on our side; the peer always gets every core. */
  threads: "one" | "all";
  /** Steps of one round, of which the median counts. */
  steps: number;
  /** Steps that are sent to a device before it is waited for; one when left out. */
  together?: number;
  /** Times PyTorch's time that the case is held to, by backend. */
  target?: Record<string, number>;
}

/** A decoder to train a step of: attention, two convolutions, a linear layer, cross-entropy, AdamW. */
export interface DecoderCase extends Timed {
  kind: "decoder";
  /** Density attention, or dot-product attention over the layers. */
  attention: "density" | "dot-product";
  layers: number;
  features: number;
  heads: number;
  hidden: number;
  classes: number;
  batch: number;
  /** Image that a layer is read as. */
  height: number;
  width: number;
}

/** An encoder to extract with: every hidden state of a batch, averaged over its tokens. */
export interface EncoderCase extends Timed {
  kind: "encoder";
  folder: string;
  /** Also measures the memory that an extraction takes, which loads one layer at a time. */
  memory?: boolean;
  /** Of the batch: [items, samples], [items, tokens] or [items, channels, height, width]. */
  shape: number[];
}

/** What the machine can: multiply-adds whose operands are at hand (PyTorch: a large product), or a copy of what no cache holds. */
export interface LimitCase extends Timed {
  kind: "limit";
  of: "multiply-adds" | "memory";
}

export type Case = DecoderCase | EncoderCase | LimitCase;

/** An encoder of a published shape, of random weights, which are written before it and removed after it. */
export interface PublishedCase {
  name: string;
  /** of src/synthetic/models.ts */
  model: string;
  shape: number[];
}

/** What those are held to: times PyTorch's time, on wasm, and bytes of the process. */
export const TARGET = { ratio: 2.5, memory: 2.5e9 };

const shipped = (name: string) => join(repository, "data", "encoders", name);

const small = {
  kind: "decoder",
  attention: "density",
  layers: 12,
  features: 128,
  heads: 4,
  hidden: 64,
  height: 8,
  width: 16,
  threads: "one",
} as const;

const dotProduct = { ...small, attention: "dot-product", heads: 8, classes: 4 } as const;

function encoders(rows: [name: string, encoder: string, shape: number[]][]): EncoderCase[] {
  const target = { wasm: 2, tensorflow: 1.2 };
  const timed = { kind: "encoder", threads: "all", steps: 3, target } as const;
  return rows.map(([name, encoder, shape]) => ({ name, ...timed, folder: shipped(encoder), shape }));
}

/** The paper's decoder on hidden states of WavLM-Large and BEiT-Large, or of Llama2-13B. */
const large = {
  kind: "decoder",
  attention: "density",
  layers: 24,
  features: 1024,
  heads: 8,
  hidden: 512,
  height: 32,
  width: 32,
} as const;
const largest = { ...large, layers: 40, features: 5120, height: 64, width: 80 };

export const CASES: readonly Case[] = [
  {
    name: "12 × 128, 64 channels, batch 8",
    ...{ ...small, classes: 4, batch: 8, steps: 60, target: { wasm: 1.2 } },
  },
  {
    name: "12 × 128, 64 channels, batch 32",
    ...{ ...small, classes: 4, batch: 32, steps: 30, target: { wasm: 1.6 } },
  },
  { name: "the same, MHA over layers, batch 8", ...dotProduct, batch: 8, steps: 40 },
  { name: "the same, MHA over layers, batch 32", ...dotProduct, batch: 32, steps: 20 },
  {
    name: "24 × 1024, 512 channels, batch 32",
    ...large,
    ...{ classes: 100, batch: 32, threads: "all", steps: 3, target: { wasm: 1.2, tensorflow: 1 } },
  },
  ...encoders([
    ["beit-mini, 32 images", "beit-mini", [32, 3, 32, 32]],
    ["llama-mini, 16 texts of 64 tokens", "llama-mini", [16, 64]],
    ["wavlm-mini, 8 clips of 5 s", "wavlm-mini", [8, 80_000]],
  ]),
];

/** Of one thread, and of all. */
export const LIMITS: readonly LimitCase[] = (["one", "all"] as const).flatMap((threads) =>
  (["multiply-adds", "memory"] as const).map((of) => ({
    kind: "limit",
    name: `${of}, ${threads}`,
    of,
    threads,
    steps: 5,
  })),
);

/** The small decoder on ever more items, and of ever more layers. */
const grown = (sizes: { batch: number; layers: number }[], steps: number): DecoderCase[] =>
  sizes.map(({ batch, layers }) => ({
    ...{ ...small, name: `${layers} × 128, batch ${batch}`, batch, layers, heads: layers / 3, classes: 4 },
    steps,
  }));
export const GROWTH: readonly DecoderCase[] = grown(
  [
    ...[8, 16, 32, 64, 128].map((batch) => ({ batch, layers: 12 })),
    ...[6, 24, 36, 48].map((layers) => ({ batch: 32, layers })),
  ],
  12,
);

export const PUBLISHED: readonly PublishedCase[] = [
  { name: "WavLM-Base+, 4 clips of 5 s", model: "wavlm-base-plus", shape: [4, 80_000] },
  { name: "WavLM-Large, 2 clips of 5 s", model: "wavlm-large", shape: [2, 80_000] },
  { name: "BEiT-Base, 8 images", model: "beit-base", shape: [8, 3, 224, 224] },
  { name: "BEiT-Large, 4 images", model: "beit-large", shape: [4, 3, 224, 224] },
];

/** A case whose encoder, of this published shape and random weights, is written before it. */
type Written = (DecoderCase | EncoderCase) & { model?: string };

const onDevice = { threads: "one", steps: 3 } as const;

/** Of `make bench-gpu`. */
export const GPU_CASES: readonly Written[] = [
  {
    name: "decoder, 24 × 1024, 512 channels, batch 32",
    ...{ ...large, ...onDevice, classes: 100, batch: 32, together: 20 },
  },
  {
    name: "decoder, 40 × 5120, 512 channels, batch 32",
    ...{ ...largest, ...onDevice, classes: 4, batch: 32, together: 5 },
  },
  ...(
    [
      ["WavLM-Large, 8 clips of 5 s", "wavlm-large", [8, 80_000]],
      ["BEiT-Large, 32 images", "beit-large", [32, 3, 224, 224]],
      ["TinyLlama-1.1B, 8 texts of 256 tokens", "tinyllama-1.1b", [8, 256]],
    ] as const
  ).map(([name, model, shape]) => ({
    ...{ kind: "encoder" as const, name, model, folder: "", shape: [...shape] },
    ...onDevice,
  })),
];

const tiny = { ...small, layers: 4, features: 16, heads: 2, hidden: 4, height: 4, width: 4 } as const;
const oneText = encoders([["llama-mini, 1 text of 8 tokens", "llama-mini", [1, 8]]]).map((one) => ({
  ...{ ...one, threads: "one" as const },
  steps: 1,
}));

/** The same in seconds. */
export const SMALL_CASES: readonly Case[] = [
  { name: "4 × 16, 4 channels, batch 2", ...tiny, classes: 4, batch: 2, steps: 1 },
  {
    ...{ ...tiny, name: "4 × 16, MHA over layers", attention: "dot-product" },
    ...{ classes: 4, batch: 2, steps: 1 },
  },
  ...oneText,
];
export const SMALL_LIMITS = LIMITS.map((limit) => ({ ...limit, steps: 1 }));
export const SMALL_GROWTH = grown(
  [2, 4].flatMap((batch) => [3, 6].map((layers) => ({ batch, layers }))),
  1,
);

/** And on an adapter in software. */
export const SMALL_GPU_CASES: readonly Written[] = [
  {
    name: "decoder, 4 × 16, 4 channels, batch 2",
    ...{ ...tiny, classes: 4, batch: 2, steps: 1, together: 2 },
  },
  ...oneText,
];
