import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { UserError } from "../errors.js";
import { readHeader, readSafetensors, type HostTensor } from "../formats/safetensors.js";

/** Pooled hidden states of an encoder on a data set, in host memory. */
export interface Features {
  path: string;
  items: number;
  layers: number;
  features: number;
  /** float32 [items, layers, features], row-major. */
  values: Float32Array;
  /** int32 [items], 0 … classes − 1. */
  labels: Int32Array;
  classes: number;
  /** int32 [items]: 0 train, 1 test. */
  split?: Int32Array;
  /** int32 [items]: the fold that tests an item. */
  fold?: Int32Array;
  /** int32 [items]: who or what must not stand on both sides of a split. */
  group?: Int32Array;
  /** What the file says of its data, encoder and pooling. */
  about: Record<string, unknown>;
}

/**
 * Reads a feature file: either quantised (`q` int8 [n, L, d], `scale` and `zero` float32 [L, d]; value = q · scale + zero)
 * or plain (`features` float32 [n, L, d]), with `labels` int32 [n] and `split` or `fold` int32 [n].
 * Values are not standardised.
 * @throws UserError for a damaged or wrong file, for NaN or Inf (count and first position), for labels out of range.
 */
export function loadFeatures(path: string, classes: number): Features {
  const { tensors, metadata } = readSafetensors(path);
  const file = new FeatureFile(path, tensors);
  const { shape, values } = tensors.has("q") ? file.dequantise() : file.plain();
  const [items, layers, features] = shape;
  return { path, items, layers, features, values, ...annotations(path, tensors, metadata, items, classes) };
}

/** A feature file without its values: for plans and descriptions. */
export type FeatureSummary = Omit<Features, "values"> & {
  /** Name of the file and the start of its SHA-256. */
  id: string;
};

/**
 * Reads all of a feature file but the values.
 * @throws UserError as {@link loadFeatures} does, NaN and Inf apart.
 */
export function summariseFeatures(path: string, classes: number): FeatureSummary {
  const { entries, metadata } = readHeader(path);
  const name = entries.has("q") ? "q" : "features";
  const shape = entries.get(name)?.shape;
  if (shape?.length !== 3) throw refuse(path, `it has no "q" or "features" of [items, layers, features]`);
  const [items, layers, features] = shape as [number, number, number];
  const held = ["labels", "split", "fold", "group"].filter((part) => entries.has(part));
  const { tensors } = readSafetensors(path, held);
  return {
    path,
    items,
    layers,
    features,
    ...annotations(path, tensors, metadata, items, classes),
    id: fileId(path),
  };
}

function annotations(
  path: string,
  tensors: Map<string, HostTensor>,
  metadata: Record<string, string>,
  items: number,
  classes: number,
) {
  const file = new FeatureFile(path, tensors);
  const about = parseAbout(metadata.about);
  const labels = file.integers("labels", items);
  checkLabels(path, labels, classes, about.classes);
  const optional = (name: string) => (tensors.has(name) ? file.integers(name, items) : undefined);
  const [split, fold, group] = [optional("split"), optional("fold"), optional("group")];
  if (!split && !fold) throw refuse(path, 'neither "split" nor "fold" says which items test');
  if (split?.some((side) => side !== 0 && side !== 1))
    throw refuse(path, '"split" may hold 0 (train) and 1 (test) only');
  return { labels, classes, split, fold, group, about };
}

function fileId(path: string): string {
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
    const [items, layers, features] = shape;
    const width = layers * features;
    const [scale, zero] = ["scale", "zero"].map((name) => {
      const tensor = this.get(name, "float32");
      if (tensor.shape.join() !== `${layers},${features}`)
        throw refuse(this.path, `"${name}" is [${tensor.shape}], "q" needs [${layers}, ${features}]`);
      checkFinite(this.path, name, tensor.data, tensor.shape);
      return tensor.data;
    }) as [Float32Array, Float32Array];
    const values = new Float32Array(items * width);
    for (let i = 0; i < values.length; i += width)
      for (let j = 0; j < width; j++) values[i + j] = q.data[i + j]! * scale[j]! + zero[j]!;
    return { shape, values };
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
  const remedy = `restore it (git checkout -- data/features/${basename(path)}) or make it again`;
  return new UserError(`${path} is not a usable feature file: ${why}; ${remedy}`);
}
