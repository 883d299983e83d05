import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { densityAttend, densityAttention } from "#src/attention/density.js";
import { UserError } from "#src/errors.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";

const size = { layers: 6, features: 5 };

onEveryBackend("density adaptive attention", () => {
  test("by hand: three layers, one feature, δ = 0, c = 2", async () => {
    // mean 2, variance 2/3; z = ∓1/sqrt(2/3 + 1.001e-5), 0; w = exp(−z²/4)
    const w = Math.exp(-1 / (2 / 3 + 1e-8 + 1e-5) / 4);
    const y = densityAttend(tf.tensor3d([1, 2, 3], [1, 3, 1]), tf.zeros([1, 1]), tf.fill([1, 1], 2));
    await assertClose(y, [w, 2, 3 * w]);
  });

  test("gradients equal finite differences", async () => {
    const c = tf.randomUniform([2, 5], 1, 3, "float32", 3);
    await assertGradients(
      (x, offset, c) => densityAttend(x as tf.Tensor3D, offset!, c!),
      [normal([4, 6, 5], 1), normal([2, 5], 2).mul(0.3), c],
    );
  });

  test("heads are independent: moving one leaves the other's output as it is", async () => {
    const x = normal<tf.Rank.R3>([2, 6, 5], 1);
    const moved = tf.concat(
      [x.slice([0, 0, 0], [-1, 3, -1]).mul(3).add(1), x.slice([0, 3, 0], [-1, 3, -1])],
      1,
    );
    const attend = (x: tf.Tensor3D) => densityAttend(x, tf.zeros([2, 5]), tf.fill([2, 5], 2));
    const lower = (y: tf.Tensor3D) => y.slice([0, 3, 0], [-1, 3, -1]);
    await assertClose(lower(attend(x)), lower(attend(moved as tf.Tensor3D)), 0);
  });

  test("as many heads as layers is the identity, bit for bit", async () => {
    // A head of one value has z = −δ/sd = 0 at the start, so w = 1.
    const x = normal<tf.Rank.R3>([3, 6, 5], 4);
    const y = densityAttend(x, tf.zeros([6, 5]), tf.fill([6, 5], 2));
    assert.deepEqual(await y.data(), await x.data());
  });

  test("three layers a head keep |z| ≤ √2, so weights start within [e^(−1/2), 1]", async () => {
    const x = normal<tf.Rank.R3>([50, 6, 5], 5);
    const module = densityAttention({ ...size, heads: 2 });
    const weights = await module.map!(x, {
      meanOffset: tf.zeros([2, 5]),
      scaledVariance: tf.fill([2, 5], 2),
    }).data();
    assert.ok(Math.min(...weights) >= Math.exp(-0.5) - 1e-6);
    assert.ok(Math.max(...weights) <= 1);
  });

  test("a large common mean does not cancel the variance", async () => {
    const x = normal<tf.Rank.R3>([2, 6, 5], 6);
    const attend = (x: tf.Tensor3D) =>
      densityAttention({ ...size, heads: 1 }).map!(x, {
        meanOffset: tf.zeros([1, 5]),
        scaledVariance: tf.fill([1, 5], 2),
      });
    // 4096 keeps 11 bits of the fraction: the weights may move by that much, not by what avg(x²) − mean² would lose.
    await assertClose(attend(x.add(4096)), attend(x), 2e-3);
  });
});

test("heads that do not divide the layers are refused", () => {
  assert.throws(() => densityAttention({ ...size, heads: 4 }), UserError);
  assert.throws(() => densityAttention({ ...size, heads: 0 }), /divisor of 6/);
});

test("an ablation freezes what it does not train", () => {
  const { parameters } = densityAttention({ ...size, heads: 2, train: ["meanOffset"] });
  assert.deepEqual([parameters.meanOffset!.trainable, parameters.scaledVariance!.trainable], [true, false]);
});
