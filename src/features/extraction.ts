import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { fileSize } from "../formats/read-range.js";
import type { Shift } from "../shifts/shift.js";

/** How hidden states are made. With the raw data and the encoder it names an entry of the cache, and is recorded with it. */
export interface ExtractionSettings {
  /** Name of a data set. */
  dataset: string;
  /** Folder of an encoder in the layout of Hugging Face, a name of the registry, or `organisation/name[@revision]` on the hub. */
  encoder: string;
  /** Speech: zero mean and unit variance of the padded clip. The paper's own features leave it out. */
  normalise?: boolean;
  /** Text: the first so many ids, `<s>` among them. */
  maxTokens?: number;
  /** Text: so many items in file order are padded to a common length; {@link PAD_TOGETHER} where it is left out, 1 for no padding. */
  padTogether?: number;
  /** The first so many items of every class of each split, in file order. */
  perClass?: { train?: number; test?: number };
  /** The first so many items of each split, or of each fold, in file order. */
  limit?: number;
  /** What is done to every raw item before it is prepared for the encoder. */
  shift?: Shift;
}

/** Settings with the user's numbers of items, where he names some, in place of their own; without training items they stay so. */
export function withCounts(
  { perClass: own, ...settings }: ExtractionSettings,
  { perClass, limit }: Pick<ExtractionSettings, "perClass" | "limit">,
): ExtractionSettings {
  const unlimited = own?.train === 0 ? { train: 0 } : undefined;
  const counts = perClass ?? (limit === undefined ? own : unlimited);
  return { ...settings, ...(counts && { perClass: counts }), ...(limit !== undefined && { limit }) };
}

/** Of features that were made before it was a setting. */
export const PAD_TOGETHER = 16;

/** Clips are padded with zeros to 5 s at 16 kHz. */
export const CLIP_SAMPLES = 80_000;

/**
 * Up to so many bytes of weights are hashed whole; of larger checkpoints each file's size, last megabyte, and the first of every 64: a
 * gigabyte in place of Llama2-13B's 52, in which any other training of the weights shows.
 */
const WHOLE_HASH = 2 ** 30;
const MEGABYTE = 2 ** 20;
const SAMPLED_EVERY = 64 * MEGABYTE;

/** Tells one encoder from another: a hash of its configuration, tokenizer or preprocessor, and weights. */
export function encoderId(folder: string): string {
  const files = encoderFiles(folder);
  const whole = files.reduce((sum, { bytes }) => sum + bytes, 0) <= WHOLE_HASH;
  const hash = createHash("sha256");
  for (const { name, bytes } of files) {
    hash.update(`${name} ${bytes}\n`);
    const parts = whole || bytes <= 2 * MEGABYTE ? [[0, bytes] as const] : samples(bytes);
    for (const [from, to] of parts) hashRange(hash, join(folder, name), from, to);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Ranges of a file that stand for it. */
function samples(bytes: number): (readonly [from: number, to: number])[] {
  const starts = Array.from(
    { length: Math.ceil((bytes - MEGABYTE) / SAMPLED_EVERY) },
    (_, i) => i * SAMPLED_EVERY,
  );
  return [...starts, bytes - MEGABYTE].map((from) => [from, from + MEGABYTE] as const);
}

/** Bytes of an encoder's folder: what it takes to keep it in memory. */
export const encoderBytes = (folder: string) =>
  encoderFiles(folder).reduce((sum, { bytes }) => sum + bytes, 0);

/** @throws UserError for a folder without config.json, and for a file that cannot be opened, such as a link to nothing. */
function encoderFiles(folder: string): { name: string; bytes: number }[] {
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [];
  if (!names.includes("config.json")) {
    throw new UserError(
      `${folder} is not an encoder: name a folder with config.json and weights, as from Hugging Face`,
    );
  }
  return names
    .filter((name) => /\.(json|safetensors|bin)$/.test(name))
    .filter((name) => isFileOrDangling(join(folder, name)))
    .sort()
    .map((name) => ({ name, bytes: fileSize(join(folder, name)) }));
}

const isFileOrDangling = (path: string) => !existsSync(path) || statSync(path).isFile();

function hashRange(hash: ReturnType<typeof createHash>, path: string, from: number, to: number): void {
  const file = openSync(path, "r");
  try {
    const block = Buffer.alloc(MEGABYTE);
    for (let at = from; at < to;) {
      const read = readSync(file, block, 0, Math.min(block.length, to - at), at);
      if (read === 0) break;
      hash.update(block.subarray(0, read));
      at += read;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Name of the cache's folder for an extraction: its contents follow from what the name is made of.
 * @param encoder what tells the encoder from others
 * @param data what tells the raw data from other
 */
export function cacheName(settings: ExtractionSettings, encoder: string, data: string): string {
  const { encoder: folder, ...rest } = settings;
  const key = JSON.stringify([Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)), encoder, data]);
  return `${settings.dataset}-${basename(folder)}-${createHash("sha256").update(key).digest("hex").slice(0, 12)}`;
}
