import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tellDeath } from "#src/backend/wasm/job.js";
import { Heap } from "#src/backend/wasm/memory.js";
import { OutOfMemory } from "#src/errors.js";
import { Native } from "#src/backend/wasm/native.js";
import { nodeHost } from "#src/backend/wasm/node-host.js";
import { registerWasm } from "#src/backend/wasm/register.js";
import { registerThreadedWasm } from "#src/backend/wasm/threads.js";
import { methods } from "#src/experiments/plan/methods.js";
import { Model } from "#src/models/model.js";
import { lossOf } from "#src/training/losses.js";
import { values } from "./compare.js";

const MB = 2 ** 20;
const heap = new Heap(80 * MB);
tf.enableProdMode();
await registerWasm(2, heap);

/** Tensors that fill the heap but for `left` bytes in one piece. */
function fill(left: number): tf.Tensor[] {
  const room = left > 0 ? tf.zeros([left / 4]) : undefined;
  const all: tf.Tensor[] = [];
  for (let size = 8 * MB; size >= MB / 4; size /= 2)
    try {
      for (;;) all.push(tf.zeros([size / 4]));
    } catch (error) {
      assert.ok(error instanceof OutOfMemory, String(error));
    }
  room?.dispose();
  return all;
}

/**
 * What `compute` gives with ever less memory left: the same numbers, or a refusal.
 * @returns how often it was refused
 */
function refusals(compute: () => tf.Tensor[]): number {
  const run = () => tf.tidy(() => compute().map((t) => Buffer.from(t.dataSync().slice().buffer)));
  const expected = run();
  const agrees = () => run().every((result, i) => result.equals(expected[i]!));
  let refused = 0;
  for (let left = 0; left < 8 * MB; left += MB) {
    const full = fill(left);
    try {
      assert.ok(agrees(), `other numbers with ${left} bytes left`);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      refused++;
    }
    tf.dispose(full);
  }
  assert.ok(agrees(), "other numbers after memory was freed");
  return refused;
}

const tensor = (shape: number[]) => tf.tensor(values(shape), shape);

describe("full memory", () => {
  test("says what was computed, how much was wanted and held, and what to do", () => {
    const full = fill(0);
    const x = full[0]!.reshape([-1, 1024]);
    assert.throws(() => x.exp(), {
      name: "OutOfMemory",
      message:
        /^WebAssembly's memory is full: Exp of \[\d+,1024\] wants \d+ MB more, tensors hold \d+ MB, the heap \d+ MB of at most 84 MB; take a smaller batch, or another backend \(DAAM_BACKEND=tensorflow\)$/,
    });
    assert.throws(() => tf.ones([64 * MB]), /wants 269 MB more/);
    tf.dispose(full);
    assert.ok(heap.held <= heap.limit + 96 * MB);
  });

  test("never gives wrong numbers in forward passes", () => {
    const { numTensors } = tf.memory();
    // XNNPACK's convolution, our own with scratch of its helpers, a product, and what takes memory within tfjs's kernels
    const [wave, filter] = [tensor([2, 40000, 8]) as tf.Tensor3D, tensor([5, 8, 16]) as tf.Tensor3D];
    const [image, kernel] = [tensor([8, 32, 32, 16]) as tf.Tensor4D, tensor([3, 3, 16, 64]) as tf.Tensor4D];
    const matrix = tensor([700, 700]) as tf.Tensor2D;
    assert.ok(refusals(() => [tf.conv1d(wave, filter, 2, "valid")]) >= 2);
    assert.ok(refusals(() => [tf.conv2d(image, kernel, 1, "same").relu()]) >= 2);
    assert.ok(refusals(() => [matrix.matMul(matrix, true).softmax().sum(0)]) >= 2);
    tf.dispose([wave, filter, image, kernel, matrix]);
    assert.equal(tf.memory().numTensors, numTensors);
  });

  test("never gives wrong numbers in gradients, of density attention and of dot products", () => {
    const size = { layers: 6, features: 64, task: "text" };
    for (const name of ["daam-v1", "mha"]) {
      const stages = methods.find((method) => method.name === name)!.stages(size);
      const model = new Model({ ...size, stages, hidden: 512, classes: 4, seed: 1 });
      const x = tensor([32, 6, 64]) as tf.Tensor3D;
      const labels = tf.tensor1d(
        Array.from({ length: 32 }, (_, i) => i % 4),
        "int32",
      );
      const loss = () => lossOf({ kind: "cross-entropy" }, model.forward(x, true), labels);
      const gradients = () => Object.values(tf.variableGrads(loss, model.trainable).grads);
      assert.ok(refusals(gradients) >= 2, name);
      model.dispose();
      tf.dispose([x, labels]);
    }
  });
});

test("a helper thread that died is not waited for", async () => {
  const own = new Heap();
  const native = await Native.start(await registerThreadedWasm(1, own), own, 2, nodeHost());
  tellDeath({ memory: own.memory, module: undefined as never, job: native["job"], thread: 1 });
  const start = performance.now();
  assert.throws(() => native.run("sumRows", 0, 0, []), /thread of the wasm backend died/);
  assert.ok(performance.now() - start < 5000);
});
