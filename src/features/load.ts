import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../errors.js";
import { featuresFolder } from "../folders.js";
import {
  readHeader,
  readSafetensors,
  type HostTensor,
  type SafeEntry,
  type SafeHeader,
} from "../formats/safetensors.js";
import { dequantised, rowsInMemory } from "./rows.js";

/** Pooled hidden states. */
export interface HiddenStates {
  items: number;
  layers: number;
  features: number;
  /** Those of the given items, float32 [n, layers, features] row by row. */
  read(items: ArrayLike<number>): Float32Array;
}

/** Pooled hidden states of an encoder on a data set. */
export interface Features extends HiddenStates {
  path: string;
  /** int32 [items], 0 … classes − 1. */
  labels: Int32Array;
  classes: number;
  /** int32 [items]: 0 train, 1 test. */
  split?: Int32Array;
  /** int32 [items]: the fold that tests an item. */
  fold?: Int32Array;
  /** int32 [items]: who or what must not stand on both sides of a split. */
  group?: Int32Array;
  /** Name of every item, where the file or the list beside it has them. */
  ids?: string[];
  /** What the file says of its data, encoder and pooling. */
  about: Record<string, unknown>;
}

/**
 * Reads a feature file: either quantised (`q` int8 [n, L, d], `scale` and `zero` float32 [L, d]; value = q · scale + zero)
 * or plain (`features` float32 [n, L, d]), with `labels` int32 [n] and `split` or `fold` int32 [n].
 * Values are not standardised.
 * @param inMemory bytes beyond which the values of a plain file stay on disk and are read batch by batch; a gigabyte by default
 * @throws UserError for a damaged or wrong file, for NaN or Inf (count and first position; on disk when they are read), for labels out
 *   of range.
 */
export function loadFeatures(path: string, classes: number, inMemory = 2 ** 30): Features {
  const states = openHiddenStates(path, inMemory);
  return { ...describe(path, classes), ...states };
}

/** Whether a safetensors file is meant as a feature file, by the names of its tensors. */
export const holdsHiddenStates = (entries: SafeHeader["entries"]) =>
  (entries.has("features") || entries.has("q")) &&
  entries.has("labels") &&
  (entries.has("split") || entries.has("fold"));

/**
 * The hidden states of a feature file without what it says of its items.
 * @param inMemory as {@link loadFeatures} has it
 * @throws UserError for a damaged or wrong file, and for NaN or Inf
 */
export function openHiddenStates(path: string, inMemory: number): HiddenStates {
  const { entries } = readHeader(path);
  const large = entries.get("features");
  if (large?.dtype === "F32" && large.end - large.begin > inMemory)
    return { ...shapeOfFeatures(path), read: rowsOnDisk(path, large) };
  const file = new FeatureFile(path, readSafetensors(path).tensors);
  const { shape, values } = entries.has("q") ? file.dequantise() : file.plain();
  const [items, layers, features] = shape;
  return { items, layers, features, read: rowsInMemory(values, layers * features) };
}

function rowsOnDisk(path: string, { shape, begin }: SafeEntry): Features["read"] {
  const bytes = 4 * shape[1]! * shape[2]!;
  const file = openSync(path, "r");
  return (items) => {
    const rows = new Float32Array(items.length * (bytes / 4));
    for (let i = 0; i < items.length; i++) {
      const row = rows.subarray(i * (bytes / 4), (i + 1) * (bytes / 4));
      if (readSync(file, row, 0, bytes, begin + items[i]! * bytes) !== bytes)
        throw refuse(path, `item ${items[i]} cannot be read`);
      checkFinite(path, `item ${items[i]}`, row, shape.slice(1));
    }
    return rows;
  };
}

/** A feature file without its values: for plans and descriptions. */
export type FeatureSummary = Omit<Features, "read"> & {
  /** Tells this file from another: name and hash. */
  id: string;
};

/**
 * Reads all of a feature file but the values.
 * @throws UserError as {@link loadFeatures} does, NaN and Inf apart.
 */
export const summariseFeatures = (path: string, classes: number): FeatureSummary => ({
  ...describe(path, classes),
  id: fileId(path),
});

/**
 * What the hidden states of a feature file measure, from its header alone.
 * @throws UserError for a damaged or wrong file
 */
export function shapeOfFeatures(path: string): { items: number; layers: number; features: number } {
  const { entries } = readHeader(path);
  const shape = entries.get(entries.has("q") ? "q" : "features")?.shape;
  if (shape?.length !== 3) throw refuse(path, `it has no "q" or "features" of [items, layers, features]`);
  const [items, layers, features] = shape as [number, number, number];
  return { items, layers, features };
}

function describe(path: string, classes: number): Omit<Features, "read"> {
  const { items, layers, features } = shapeOfFeatures(path);
  const { entries, metadata } = readHeader(path);
  const held = ["labels", "split", "fold", "group"].filter((part) => entries.has(part));
  const { tensors } = readSafetensors(path, held);
  const file = new FeatureFile(path, tensors);
  const about = parseAbout(metadata.about);
  const labels = file.integers("labels", items);
  checkLabels(path, labels, classes, about.classes);
  const optional = (name: string) => (tensors.has(name) ? file.integers(name, items) : undefined);
  const [split, fold, group] = [optional("split"), optional("fold"), optional("group")];
  if (!split && !fold) throw refuse(path, 'neither "split" nor "fold" says which items test');
  if (split?.some((side) => side !== 0 && side !== 1))
    throw refuse(path, '"split" may hold 0 (train) and 1 (test) only');
  const ids = idsOf(path, about, items);
  return { path, items, layers, features, labels, classes, split, fold, group, about, ids };
}

/** In `about`, or a line each in the `items.jsonl` that an extraction leaves beside its file. */
function idsOf(path: string, about: Record<string, unknown>, items: number): string[] | undefined {
  const list = join(dirname(path), "items.jsonl");
  if (Array.isArray(about.ids)) return about.ids.length === items ? (about.ids as string[]) : undefined;
  if (!existsSync(list)) return undefined;
  const lines = readFileSync(list, "utf8").split("\n").slice(0, -1);
  return lines.length === items ? lines.map((line) => (JSON.parse(line) as { id: string }).id) : undefined;
}

/** A cached file goes by its folder, which is named by its contents; another by a hash of its own. */
function fileId(path: string): string {
  if (existsSync(join(dirname(path), "items.jsonl"))) return basename(dirname(path));
  const hash = createHash("sha256");
  const block = Buffer.alloc(1 << 20);
  const file = openSync(path, "r");
  try {
    for (let n; (n = readSync(file, block)) > 0;) hash.update(block.subarray(0, n));
  } finally {
    closeSync(file);
  }
  return `${basename(path)} ${hash.digest("hex").slice(0, 12)}`;
}

class FeatureFile {
  constructor(
    private readonly path: string,
    private readonly tensors: Map<string, HostTensor>,
  ) {}

  dequantise() {
    const q = this.get("q", "int32");
    const shape = this.threeDimensional("q", q);
    const [, layers, features] = shape;
    const [scale, zero] = ["scale", "zero"].map((name) => {
      const tensor = this.get(name, "float32");
      if (tensor.shape.join() !== `${layers},${features}`)
        throw refuse(this.path, `"${name}" is [${tensor.shape}], "q" needs [${layers}, ${features}]`);
      checkFinite(this.path, name, tensor.data, tensor.shape);
      return tensor.data;
    }) as [Float32Array, Float32Array];
    return { shape, values: dequantised(q.data, scale, zero) };
  }

  plain() {
    const tensor = this.get("features", "float32");
    const shape = this.threeDimensional("features", tensor);
    checkFinite(this.path, "features", tensor.data, shape);
    return { shape, values: tensor.data as Float32Array };
  }

  integers(name: string, items: number): Int32Array {
    const tensor = this.get(name, "int32");
    if (tensor.shape.length !== 1 || tensor.shape[0] !== items)
      throw refuse(this.path, `"${name}" is [${tensor.shape}], ${items} items need [${items}]`);
    return tensor.data as Int32Array;
  }

  private get(name: string, dtype: HostTensor["dtype"]): HostTensor {
    const tensor = this.tensors.get(name);
    if (!tensor) {
      const held = [...this.tensors.keys()].slice(0, 8).join(", ") || "nothing";
      throw refuse(this.path, `tensor "${name}" is missing (it holds ${held})`);
    }
    if (tensor.dtype !== dtype) throw refuse(this.path, `"${name}" is of ${tensor.dtype}, not ${dtype}`);
    return tensor;
  }

  private threeDimensional(name: string, tensor: HostTensor): [number, number, number] {
    if (tensor.shape.length !== 3 || tensor.shape.includes(0))
      throw refuse(this.path, `"${name}" is [${tensor.shape}], not [items, layers, features]`);
    return tensor.shape as [number, number, number];
  }
}

function parseAbout(text: string | undefined): Record<string, unknown> {
  try {
    const about: unknown = JSON.parse(text ?? "{}");
    return typeof about === "object" && about !== null ? (about as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function checkFinite(path: string, name: string, data: ArrayLike<number>, shape: number[]) {
  let bad = 0;
  let first = -1;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    if (bad++ === 0) first = i;
  }
  if (bad === 0) return;
  const position = shape.map((_, axis) => {
    const stride = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
    return Math.floor(first / stride) % shape[axis]!;
  });
  throw refuse(
    path,
    `"${name}" has ${bad} NaN or Inf, the first (${data[first]}) at [${position.join(", ")}]`,
  );
}

function checkLabels(path: string, labels: Int32Array, classes: number, declared: unknown) {
  if (typeof declared === "number" && declared !== classes)
    throw refuse(path, `it is of ${declared} classes, the task has ${classes}`);
  const first = labels.findIndex((label) => label < 0 || label >= classes);
  if (first < 0) return;
  const bad = labels.filter((label) => label < 0 || label >= classes).length;
  throw refuse(
    path,
    `${bad} labels are outside 0–${classes - 1}, the first (${labels[first]}) at item ${first}`,
  );
}

function refuse(path: string, why: string): UserError {
  const remedy =
    resolve(dirname(path)) === featuresFolder
      ? `restore it (git checkout -- data/features/${basename(path)})`
      : existsSync(join(dirname(path), "items.jsonl"))
        ? `remove ${dirname(path)}, and the next run makes it again`
        : "make it again (npx daam features)";
  return new UserError(`${path} is not a usable feature file: ${why}; ${remedy}`);
}
