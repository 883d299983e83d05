import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { registerWasm } from "#src/backend/wasm/register.js";

await registerWasm(2);

test("the limit's kernel makes the multiply-adds that it is asked for, on any thread, and leaks nothing", () => {
  const before = tf.memory().numTensors;
  for (const [tasks, rounds] of [
    [1, 1],
    [5, 3],
  ] as const) {
    const y: tf.Tensor = tf.engine().runKernel("MultiplyAdds", {}, { tasks, rounds });
    assert.deepEqual(y.shape, [tasks, 4, 8]);
    const values = y.dataSync();
    assert.ok(values.every((value) => value === 512 * rounds));
    y.dispose();
  }
  assert.equal(tf.memory().numTensors, before);
});
