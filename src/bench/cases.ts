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
}

/** A decoder to train a step of: density attention, two convolutions, a linear layer, cross-entropy, AdamW. */
export interface DecoderCase extends Timed {
  kind: "decoder";
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

export type Case = DecoderCase | EncoderCase;

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
  layers: 12,
  features: 128,
  heads: 4,
  hidden: 64,
  height: 8,
  width: 16,
  threads: "one",
} as const;

function encoders(rows: [name: string, encoder: string, shape: number[]][]): EncoderCase[] {
  const timed = { kind: "encoder", threads: "all", steps: 3 } as const;
  return rows.map(([name, encoder, shape]) => ({ name, ...timed, folder: shipped(encoder), shape }));
}

/** The paper's decoder on hidden states of WavLM-Large and BEiT-Large, or of Llama2-13B. */
const large = {
  kind: "decoder",
  layers: 24,
  features: 1024,
  heads: 8,
  hidden: 512,
  height: 32,
  width: 32,
} as const;
const largest = { ...large, layers: 40, features: 5120, height: 64, width: 80 };

export const CASES: readonly Case[] = [
  { name: "12 × 128, 64 channels, batch 8", ...small, classes: 4, batch: 8, steps: 60 },
  { name: "12 × 128, 64 channels, batch 32", ...small, classes: 4, batch: 32, steps: 30 },
  {
    name: "24 × 1024, 512 channels, batch 32",
    ...large,
    ...{ classes: 100, batch: 32, threads: "all", steps: 3 },
  },
  ...encoders([
    ["beit-mini, 32 images", "beit-mini", [32, 3, 32, 32]],
    ["llama-mini, 16 texts of 64 tokens", "llama-mini", [16, 64]],
    ["wavlm-mini, 8 clips of 5 s", "wavlm-mini", [8, 80_000]],
  ]),
];

export const PUBLISHED: readonly PublishedCase[] = [
  { name: "WavLM-Base+, 4 clips of 5 s", model: "wavlm-base-plus", shape: [4, 80_000] },
  { name: "WavLM-Large, 2 clips of 5 s", model: "wavlm-large", shape: [2, 80_000] },
  { name: "BEiT-Base, 8 images", model: "beit-base", shape: [8, 3, 224, 224] },
  { name: "BEiT-Large, 4 images", model: "beit-large", shape: [4, 3, 224, 224] },
];

/** A case whose encoder, of this published shape and random weights, is written before it. */
type Written = Case & { model?: string };

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

/** The same in seconds, on an adapter in software. */
export const SMALL_GPU_CASES: readonly Written[] = [
  {
    name: "decoder, 4 × 16, 4 channels, batch 2",
    ...{ ...small, layers: 4, features: 16, heads: 2, hidden: 4, height: 4, width: 4 },
    ...{ classes: 4, batch: 2, steps: 1, together: 2 },
  },
  ...encoders([["llama-mini, 1 text of 8 tokens", "llama-mini", [1, 8]]]).map((one) => ({
    ...one,
    steps: 1,
  })),
];
