import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { dotProductAttention } from "#src/attention/dot-product.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";
import { draw, gradientsOf, size } from "./modules.js";

onEveryBackend("dot-product attention", () => {
  for (const over of ["layers", "batch"] as const) {
    const module = dotProductAttention({ ...size, heads: 2, over });
    test(`gradients over the ${over} equal finite differences`, () => gradientsOf(module));

    test(`over the ${over}: a sample's output ${over === "batch" ? "depends" : "does not depend"} on its neighbours`, async () => {
      const x = normal<tf.Rank.R3>([4, 3, 8], 1);
      const first = (x: tf.Tensor3D) => module.apply(x, draw(module)).slice([0], [1]);
      const alone = first(x.slice([0], [1]));
      const [change] = await first(x).sub(alone).abs().max().data();
      if (over === "batch") assert.ok(change! > 1e-2);
      else assert.ok(change! < 1e-5);
    });
  }

  test("maps sum to 1 over the keys", async () => {
    const module = dotProductAttention({ ...size, heads: 2, over: "batch" });
    const map = module.map!(normal([4, 3, 8], 1), draw(module));
    assert.deepEqual(map.shape, [3, 2, 4, 4]);
    await assertClose(map.sum(3), tf.ones([3, 2, 4]));
  });
});

test("heads that do not divide the features are refused", () => {
  assert.throws(() => dotProductAttention({ ...size, heads: 3, over: "layers" }), /divisor of 8/);
});
