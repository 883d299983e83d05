import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { methods } from "#src/experiments/plan/methods.js";
import { batchLeak, leakRange } from "#src/models/batch-leak.js";
import { Model } from "#src/models/model.js";
import { onEveryBackend } from "../support/backends.js";
import { normal } from "../support/close.js";

const size = { layers: 12, features: 16 };
const overBatch = ["mha", "mha-bn"];

onEveryBackend("batch leak", () => {
  // on speech the published dot products see one layer
  for (const { name, title, stages, task } of methods.flatMap((method) =>
    (overBatch.includes(method.name) ? ["text", "speech"] : ["text"]).map((task) => ({ ...method, task })),
  ))
    test(`${title}, ${task}: a prediction ${overBatch.includes(name) ? "moves" : "does not move"} with its batch`, async () => {
      const model = new Model({
        ...size,
        hidden: 4,
        classes: 3,
        seed: 1,
        stages: stages({ ...size, task }),
      });
      const x = normal<tf.Rank.R3>([12, 12, 16], 1);
      const leak = await batchLeak((batch) => model.forward(batch), x, { sizes: [1, 2, 8], draws: 4 });
      const { neighbours, orders } = leakRange(leak);
      if (overBatch.includes(name)) {
        assert.ok(neighbours > 1e-3, `${neighbours}`);
        // in batches of one size too: who the neighbours are counts
        for (const values of leak.neighbours.slice(1))
          assert.ok(Math.max(...values) - Math.min(...values) > 1e-4, values.join());
      } else assert.ok(neighbours < 1e-5, `${neighbours}`);
      // attention over the batch has no positions: company counts, order does not
      assert.ok(orders < 1e-5, `${orders}`);
      x.dispose();
      model.dispose();
    });

  test("company that changes the class is counted", async () => {
    // logits of every row: the batch's size against 3
    const forward = (x: tf.Tensor3D) =>
      tf.tile(tf.tensor2d([[3, x.shape[0]]]), [x.shape[0], 1]) as tf.Tensor2D;
    const x = tf.zeros([8, 1, 1]) as tf.Tensor3D;
    const { changed, neighbours } = await batchLeak(forward, x, { sizes: [1, 2, 4, 8], draws: 3 });
    assert.equal(changed, 2 / 3);
    assert.ok(Math.abs(neighbours[1]![0]! - 1 / (1 + Math.exp(-1))) < 1e-6);
  });
});
