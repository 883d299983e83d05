import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { randomStream } from "#src/random.js";

/** Uniform numbers in ±1, the same for the same shape. */
export function values(shape: readonly number[]): Float32Array {
  const random = randomStream(1, shape.join());
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => 2 * random.uniform() - 1);
}

type Operation = (...inputs: any[]) => tf.Tensor | tf.Tensor[];

/**
 * Runs an operation on the cpu backend and on wasm, and compares shapes, types and values.
 * @param shapes of its float inputs
 * @param tolerance largest error, as a part of the largest value
 */
export async function sameOnWasm(
  shapes: readonly number[][],
  operation: Operation,
  tolerance = 1e-5,
): Promise<void> {
  const inputs = shapes.map((shape) => [shape, values(shape)] as const);
  const run = async (backend: string) => {
    await tf.setBackend(backend);
    const tensors = tf.memory().numTensors;
    const data = tf.backend().numDataIds();
    const results = tf.tidy(() => {
      const results = operation(...inputs.map(([shape, values]) => tf.tensor(values, shape)));
      return (Array.isArray(results) ? results : [results]).map((t) => ({
        shape: t.shape,
        dtype: t.dtype,
        values: [...t.dataSync()],
      }));
    });
    assert.equal(tf.memory().numTensors, tensors, `${backend} leaks tensors`);
    assert.equal(tf.backend().numDataIds(), data, `${backend} leaks data`);
    return results;
  };
  const expected = await run("cpu");
  const actual = await run("wasm");
  expected.forEach(({ shape, dtype, values }, i) => {
    const found = actual[i]!;
    assert.deepEqual([found.shape, found.dtype], [shape, dtype]);
    const largest = values.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-9);
    const error = values.reduce((max, v, j) => Math.max(max, Math.abs(v - found.values[j]!)), 0) / largest;
    assert.ok(error <= tolerance, `result ${i}: relative error ${error.toExponential(1)}`);
  });
}

/** The gradients of the sum of squares of what `operation` returns, which depend on every value of it. */
export const gradients =
  (operation: (...inputs: any[]) => tf.Tensor) =>
  (...inputs: tf.Tensor[]): tf.Tensor[] => {
    const value = operation(...inputs);
    return [
      value,
      ...tf.grads((...x: tf.Tensor[]) =>
        operation(...x)
          .square()
          .sum(),
      )(inputs),
    ];
  };
