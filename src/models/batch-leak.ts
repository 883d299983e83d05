/** Whether what a model says of one sample depends on the rest of its batch. */
import * as tf from "@tensorflow/tfjs";
import { permutation, randomStream } from "../random.js";

export interface BatchLeak {
  /** Items of a batch, the sample among them; the first is 1, the sample alone. */
  sizes: number[];
  /** [sizes][draws]: probability, in batches of that size with other neighbours each, of the class predicted for the sample alone. */
  neighbours: number[][];
  /** [draws]: the same in one batch of the largest size, in other orders. */
  orders: number[];
  /** Share of the batches with neighbours in which another class is predicted. */
  changed: number;
}

export interface BatchLeakOptions {
  /** Position of the sample in `x`. */
  sample?: number;
  sizes?: number[];
  draws?: number;
  seed?: number;
}

/**
 * Shows one sample to a model in many batches.
 * @param forward logits [batch, classes] of hidden states float32 [batch, layers, features].
 * @param x the sample and its possible neighbours, float32 [items, layers, features]; at least as many as the largest batch.
 */
export async function batchLeak(
  forward: (x: tf.Tensor3D) => tf.Tensor2D,
  x: tf.Tensor3D,
  { sample = 0, sizes = [1, 2, 4, 8, 16, 32], draws = 20, seed = 0 }: BatchLeakOptions = {},
): Promise<BatchLeak> {
  const random = randomStream(seed, "neighbours");
  const others = [...Array(x.shape[0]).keys()].filter((item) => item !== sample);
  const shuffled = (items: number[]) => [...permutation(items.length, random)].map((at) => items[at]!);
  const probabilities = async (items: number[]) => {
    const row = tf.tidy(() =>
      forward(x.gather(tf.tensor1d(items, "int32")) as tf.Tensor3D)
        .softmax()
        .gather(tf.tensor1d([items.indexOf(sample)], "int32")),
    );
    const values = [...(await row.data())];
    row.dispose();
    return values;
  };
  const alone = await probabilities([sample]);
  const predicted = alone.indexOf(Math.max(...alone));
  const repeat = async (batch: () => number[]) => {
    const found: number[][] = [];
    for (let draw = 0; draw < draws; draw++) found.push(await probabilities(batch()));
    return found;
  };
  const neighbours: number[][][] = [];
  for (const size of sizes)
    neighbours.push(await repeat(() => [sample, ...shuffled(others).slice(0, size - 1)]));
  const largest = [sample, ...shuffled(others).slice(0, Math.max(...sizes) - 1)];
  const ofPredicted = (rows: number[][]) => rows.map((row) => row[predicted]!);
  const withOthers = neighbours.filter((_, i) => sizes[i]! > 1).flat();
  return {
    sizes,
    neighbours: neighbours.map(ofPredicted),
    orders: ofPredicted(await repeat(() => shuffled(largest))),
    changed: withOthers.filter((row) => Math.max(...row) > row[predicted]!).length / withOthers.length,
  };
}

/** Largest distance between two probabilities of a leak: over neighbours and sizes, and over orders. */
export function leakRange({ neighbours, orders }: BatchLeak): { neighbours: number; orders: number } {
  const range = (values: number[]) => Math.max(...values) - Math.min(...values);
  return { neighbours: range(neighbours.flat()), orders: range(orders) };
}
