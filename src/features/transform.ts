/** What is done to hidden states before a method sees them: data of a cell's configuration, applied to every batch as it is read. */
import { randomStream } from "../random.js";
import type { Items, TaskData } from "./select.js";

export type Transform =
  /** Times a factor. */
  | { kind: "scale"; factor: number }
  /** Each layer and feature less its mean, over its standard deviation: both of the training items. One that never differs becomes 0. */
  | { kind: "standardise" }
  /**
   * Noise on one layer, drawn anew for every item, of every three adjacent ones: each of its features plus strength · |n| · u, with n standard
   * normal, one a layer, and u uniform of variance 1.
   */
  | { kind: "impulses"; strength: number; seed: number }
  /**
   * Of every three adjacent layers one, drawn anew for every item, stays as it is but for a mark, which is added to its first eighth of
   * features; the two others become those of another item of the same side, drawn anew too: which layers tell the class stands in the marks.
   */
  | { kind: "decoys"; mark: number; seed: number };

interface Size {
  layers: number;
  features: number;
}

/** Writes over the values of some items, float32 [positions, layers, features]; `items` as they are before. */
type Apply = (values: Float32Array, positions: Int32Array, items: Items) => void;

/** What each kind does; `train` are the training items as they are before. A new kind is one entry here and one member of {@link Transform}. */
const kinds: {
  [K in Transform["kind"]]: (transform: Extract<Transform, { kind: K }>, size: Size, train: Items) => Apply;
} = {
  scale:
    ({ factor }) =>
    (values) =>
      values.forEach((value, i) => (values[i] = value * factor)),
  standardise: (_, size, train) => {
    const { mean, sd } = moments(train, size.layers * size.features);
    return (values) => {
      for (let i = 0; i < values.length; i += mean.length)
        for (let j = 0; j < mean.length; j++) values[i + j] = (values[i + j]! - mean[j]!) / (sd[j]! || 1);
    };
  },
  impulses:
    ({ strength, seed }, { layers, features }) =>
    (values, positions, { indices }) =>
      positions.forEach((position, i) => {
        const random = randomStream(seed, `impulses/${indices[position]}`);
        for (const layer of oneOfThree(layers, random.below)) {
          const amplitude = strength * Math.abs(random.normal()) * Math.sqrt(12);
          const start = (i * layers + layer) * features;
          for (let j = start; j < start + features; j++) values[j]! += amplitude * (random.uniform() - 0.5);
        }
      }),
  decoys:
    ({ mark, seed }, { layers, features }) =>
    (values, positions, { indices, read }) => {
      const streams = [...positions].map((position) => randomStream(seed, `decoys/${indices[position]}`));
      const others = read(Int32Array.from(streams, (random) => random.below(indices.length)));
      streams.forEach((random, i) => {
        const kept = oneOfThree(layers, random.below);
        for (let layer = 0; layer < layers; layer++) {
          const start = (i * layers + layer) * features;
          if (!kept.includes(layer)) values.set(others.subarray(start, start + features), start);
          else for (let j = start; j < start + Math.floor(features / 8); j++) values[j]! += mark;
        }
      });
    },
};

/** A layer of every three adjacent ones, and of those that are left at the end. */
function oneOfThree(layers: number, below: (n: number) => number): number[] {
  const starts = Array.from({ length: Math.ceil(layers / 3) }, (_, i) => 3 * i);
  return starts.map((start) => start + below(Math.min(3, layers - start)));
}

/**
 * Training and test items after some transforms, one after the other, float32. Nothing is held but the items of a batch: what an item
 * becomes depends on its position in the feature file alone, not on its batch.
 */
export function transformed(data: TaskData, transforms: readonly Transform[]): TaskData {
  return transforms.reduce((data, transform) => {
    const make = kinds[transform.kind] as (transform: Transform, size: Size, train: Items) => Apply;
    const apply = make(transform, data, data.train);
    const after = (items: Items): Items => ({
      ...items,
      read: (positions) => {
        const values = items.read(positions);
        apply(values, positions, items);
        return values;
      },
    });
    return { ...data, train: after(data.train), test: after(data.test) };
  }, data);
}

/** Items that are in memory at once while their moments are taken. */
const BLOCK = 256;

/** Mean and population standard deviation of each of `width` values over some items, in two passes, float64. */
export function moments(items: Items, width: number): { mean: Float64Array; sd: Float64Array } {
  const n = items.labels.length;
  const sum = (term: (value: number, j: number) => number) => {
    const sums = new Float64Array(width);
    for (let at = 0; at < n; at += BLOCK) {
      const values = items.read(Int32Array.from({ length: Math.min(BLOCK, n - at) }, (_, i) => at + i));
      for (let i = 0; i < values.length; i += width)
        for (let j = 0; j < width; j++) sums[j]! += term(values[i + j]!, j);
    }
    return sums;
  };
  const mean = sum((value) => value).map((total) => total / n);
  const squares = sum((value, j) => (value - mean[j]!) ** 2);
  return { mean, sd: squares.map((total) => Math.sqrt(total / n)) };
}
