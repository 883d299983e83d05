/** What attention does to items, in figures. */
import * as tf from "@tensorflow/tfjs";
import type { Model } from "./model.js";

/** Training items that a cell is measured on. */
export const MEASURED_ITEMS = 256;

/** Means over items; undefined where no stage is of the kind. */
export interface Measures {
  /** Weight of density attention, over layers and features. */
  weight?: number;
  /** Weight that an item has on itself where dot products attend over the batch, over layers and heads: 1 ÷ items where all are alike. */
  itself?: number;
  /**
   * How much the items of a batch differ after dot products over the batch, relative to how much they differ before: 1 where the stage
   * leaves them as different as they were, 0 where all become the same. They differ by the root mean square of what is left less the
   * batch's mean ÷ that of all values, which no factor changes.
   */
  spread?: number;
}

/** Measures a model on some batches, each float32 [items, layers, features]; undefined where it has nothing that is measured. */
export async function measure(model: Model, batches: Iterable<tf.Tensor3D>): Promise<Measures | undefined> {
  const mixing = model.stages.findIndex((stage) => stage.kind === "dot-product" && stage.over === "batch");
  const sums: Record<keyof Measures, number> = { weight: 0, itself: 0, spread: 0 };
  const found = new Set<keyof Measures>();
  let items = 0;
  const add = async (name: keyof Measures, value: tf.Tensor | undefined, count: number) => {
    if (!value) return;
    found.add(name);
    sums[name] += (await value.data())[0]! * count;
    value.dispose();
  };
  for (const x of batches) {
    const [count] = x.shape;
    items += count;
    await add(
      "weight",
      tf.tidy(() => model.densityMap(x)?.mean()),
      count,
    );
    if (mixing < 0) continue;
    await add("itself", weightOnItself(model, x, mixing), count);
    await add("spread", spreadLeft(model, x, mixing), count);
  }
  return found.size ? Object.fromEntries([...found].map((name) => [name, sums[name] / items])) : undefined;
}

function weightOnItself(model: Model, x: tf.Tensor3D, stage: number): tf.Tensor {
  return tf.tidy(() => {
    const map = model.mapAt(x, stage); // (N, H, B, B)
    const [count] = x.shape;
    return map
      .mul(tf.eye(count))
      .sum()
      .div(map.size / count);
  });
}

function spreadLeft(model: Model, x: tf.Tensor3D, stage: number): tf.Tensor {
  return tf.tidy(() => differing(model.through(x, stage + 1)).div(differing(model.through(x, stage))));
}

const rootMeanSquare = (y: tf.Tensor) => y.square().mean().sqrt();
const differing = (y: tf.Tensor) => rootMeanSquare(y.sub(y.mean(0, true))).div(rootMeanSquare(y));
