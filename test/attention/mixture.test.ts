import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { mixtureAttention, mixtureOfDensities } from "#src/attention/mixture.js";
import { UserError } from "#src/errors.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";

/** The paper's formula as it stands: a product over the Gaussians, one head, statistics over the whole list. */
function byHand(x: number[], m: number[], c: number[], epsilon = 1e-8): number[] {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1);
  const w = x.map((v) =>
    m.reduce((product, mk, k) => {
      const density = Math.exp(-((v - (mean + mk)) ** 2) / (2 * c[k]! ** 2 * (variance + epsilon)));
      return (product * density) / Math.sqrt(2 * Math.PI * c[k]! ** 2);
    }, 1),
  );
  const total = Math.max(
    w.reduce((a, b) => a + b),
    epsilon,
  );
  return w.map((v) => v / total);
}

onEveryBackend("mixture of densities", () => {
  test("products as written, over each axis of a tensor of rank 4", async () => {
    const x = normal<tf.Rank.R4>([2, 5, 3, 4], 1);
    const [m, c] = [
      [0.1, -0.4],
      [0.7, -1.3],
    ] as const;
    for (const axis of [1, 2, 3, -1]) {
      const { map } = mixtureOfDensities(x, {
        axis,
        meanOffset: tf.tensor2d([[...m]]),
        scaledVariance: tf.tensor2d([[...c]]),
      });
      // Bring the axis last, row by row by hand.
      const at = axis < 0 ? 3 : axis;
      const order = [0, 1, 2, 3].filter((i) => i !== at).concat(at);
      const rows = x.transpose(order).reshape([-1, x.shape[at]!]).arraySync() as number[][];
      await assertClose(
        map.transpose(order).flatten(),
        rows.flatMap((row) => byHand(row, [...m], [...c])),
      );
    }
  });

  test("gradients equal finite differences, with a remainder and with padding", async () => {
    const c = tf.randomUniform([2, 3], 0.8, 1.5, "float32", 3);
    for (const paddingValue of [undefined, -7]) {
      await assertGradients(
        (x, m, c) => mixtureOfDensities(x!, { axis: 1, meanOffset: m!, scaledVariance: c!, paddingValue }).y,
        [normal([3, 5, 4], 1), normal([2, 3], 2).mul(0.3), c],
      );
    }
  });

  test("weights of a head sum to 1; padded entries pass through", async () => {
    const x = normal<tf.Rank.R3>([2, 7, 3], 1);
    const parameters = { meanOffset: tf.zeros([3, 2]), scaledVariance: tf.ones([3, 2]) };
    const { map } = mixtureOfDensities(x, { axis: 1, ...parameters });
    for (const [from, size] of [
      [0, 2],
      [2, 2],
      [4, 3],
    ] as const) {
      await assertClose(map.slice([0, from, 0], [-1, size, -1]).sum(1), tf.ones([2, 3]));
    }
    const padded = tf.concat([x.slice([0, 0, 0], [-1, 6, -1]), tf.fill([2, 1, 3], -9)], 1);
    const { y } = mixtureOfDensities(padded, { axis: 1, paddingValue: -9, ...parameters });
    await assertClose(y.slice([0, 6, 0], [-1, 1, -1]), tf.fill([2, 1, 3], -9), 0);
  });

  test("the block adds its input", async () => {
    const x = normal<tf.Rank.R3>([2, 6, 3], 1);
    const p = { meanOffset: tf.zeros([2, 2]), scaledVariance: tf.ones([2, 2]) };
    const options = { layers: 6, features: 3, heads: 2, gaussians: 2 };
    const block = mixtureAttention(options).apply(x, p);
    await assertClose(
      block,
      mixtureAttention({ ...options, residual: false })
        .apply(x, p)
        .add(x),
    );
  });
});

test("an axis or a number of heads that does not fit is refused", () => {
  const parameters = { meanOffset: tf.zeros([4, 1]), scaledVariance: tf.ones([4, 1]) };
  const x = tf.zeros([2, 6, 3]);
  assert.throws(() => mixtureOfDensities(x, { axis: 3, ...parameters }), /axis 3 .* choose 1 to 2/);
  assert.throws(() => mixtureOfDensities(x, { axis: 0, ...parameters }), UserError);
  // 6 entries in 4 heads leave heads of one, whose variance is undefined
  assert.throws(() => mixtureOfDensities(x, { axis: 1, ...parameters }), /at most 3 heads/);
});
