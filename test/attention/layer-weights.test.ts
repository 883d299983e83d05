import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { layerWeights } from "#src/attention/layer-weights.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";

onEveryBackend("softmax weights of the layers", () => {
  const { apply } = layerWeights({ layers: 3, features: 4 });

  test("start as the identity; y_l = N · softmax(s)_l · x_l", async () => {
    const x = normal<tf.Rank.R3>([2, 3, 4], 1);
    await assertClose(apply(x, { scores: tf.zeros([3]) }), x, 1e-6);
    // softmax(log 1, log 2, log 5) = (1, 2, 5) / 8
    const weights = tf.tensor3d([3 / 8, 6 / 8, 15 / 8], [1, 3, 1]);
    await assertClose(apply(x, { scores: tf.tensor1d([1, 2, 5]).log() }), x.mul(weights));
  });

  test("gradients equal finite differences", () =>
    assertGradients(
      (x, scores) => apply(x as tf.Tensor3D, { scores: scores! }),
      [normal([2, 3, 4], 1), normal([3], 2)],
    ));
});
