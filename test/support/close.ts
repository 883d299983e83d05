import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { relativeL2 } from "#src/parity/reference.js";

/** Asserts that a tensor (or list) equals the expected values up to a relative L2 error. */
export async function assertClose(
  actual: tf.Tensor | number[],
  expected: tf.Tensor | number[],
  tolerance = 1e-5,
) {
  const values = async (t: tf.Tensor | number[]) => (t instanceof tf.Tensor ? await t.data() : t);
  const error = relativeL2(await values(actual), await values(expected));
  assert.ok(error <= tolerance, `relative L2 error ${error} exceeds ${tolerance}`);
}

/** Test data of a seed, 1 or more: tfjs takes 0 for none. */
export function normal<R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number): tf.Tensor<R> {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

/**
 * Compares the gradient of Σ upstream · f(inputs) with central differences along a random direction of each input.
 */
export async function assertGradients(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  { tolerance = 2e-3, step = 1e-2 } = {},
) {
  const y = f(...inputs);
  const upstream = normal(y.shape as [number], 99);
  const objective = (...at: tf.Tensor[]) =>
    tf.tidy(() =>
      f(...at)
        .mul(upstream)
        .sum()
        .asScalar(),
    );
  const gradients = tf.grads((...at: tf.Tensor[]) => objective(...at))(inputs);
  for (const [i, gradient] of gradients.entries()) {
    const direction = normal(inputs[i]!.shape as [number], 7 + i);
    const at = (scale: number) =>
      objective(...inputs.map((input, j) => (j === i ? input.add(direction.mul(scale)) : input)));
    const slope = async (step: number) => {
      const [[high], [low]] = [await at(step).data(), await at(-step).data()];
      return (high! - low!) / (2 * step);
    };
    const numeric = (4 * (await slope(step / 2)) - (await slope(step))) / 3; // Richardson
    const [analytic] = await gradient.mul(direction).sum().data();
    const scale = Math.max(Math.abs(numeric), Math.abs(analytic!), 0.3);
    assert.ok(
      Math.abs(numeric - analytic!) / scale < tolerance,
      `input ${i}: ${analytic} against ${numeric}`,
    );
  }
}
