import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { densityAttend } from "#src/attention/density.js";
import { chooseBackend } from "#src/backend/choose.js";
import { decode } from "#src/models/decoder.js";
import { AdamW } from "#src/training/adamw.js";
import { gradients, sameOnWasm, values } from "./compare.js";

before(async () => {
  await chooseBackend("wasm", { threads: 2 });
});

test("every fused kernel is registered for wasm, and for wasm alone", () => {
  for (const name of [
    ...["DensityAttention", "DensityAttentionGrad", "DotProductAttention", "DotProductAttentionGrad"],
    ...["ReluBiasGrad", "AdamWStep"],
  ]) {
    assert.ok(tf.getKernel(name, "wasm"), name);
    assert.equal(tf.getKernel(name, "cpu"), undefined, name);
  }
});

/** Batch, layers, features, heads. */
for (const [batch, layers, features, heads] of [
  [3, 12, 128, 4],
  [2, 12, 37, 1],
  [5, 6, 3, 6],
  [1, 40, 18, 8],
] as const) {
  test(`density attention on [${batch}, ${layers}, ${features}], ${heads} heads`, () =>
    sameOnWasm(
      [
        [batch, layers, features],
        [heads, features],
        [heads, features],
      ],
      gradients((x, offset, c) => densityAttend(x, offset.div(4), c.add(2))),
      // A head of one layer divides differences by their own size.
      layers === heads ? 1e-3 : 2e-5,
    ));
}

test("density weights vanish far out, and NaN stays NaN", async () => {
  await tf.setBackend("wasm");
  const y = tf.tidy(() => {
    const x = tf.tensor3d([1, 2, NaN, 1, 2, 3, 3, 2, 1], [1, 3, 3]);
    return densityAttend(x, tf.tensor2d([[1e4, 0, 0]]), tf.fill([1, 3], 2));
  });
  const [a, b, c] = await y.data();
  assert.equal(a, 0);
  assert.ok(Number.isFinite(b!));
  assert.ok(Number.isNaN(c!));
  y.dispose();
});

for (const [batch, layers, hidden, classes] of [
  [5, 12, 20, 4],
  [3, 1, 7, 9],
] as const) {
  test(`decoder of ${layers} layers and ${hidden} channels`, () =>
    sameOnWasm(
      [
        [batch, layers, 35],
        [3, 3, layers, hidden],
        [hidden],
        [3, 3, hidden, layers],
        [layers],
        [35 * layers, classes],
        [classes],
      ],
      gradients((x, conv1Kernel, conv1Bias, conv2Kernel, conv2Bias, linearKernel, linearBias) =>
        decode(x, { conv1Kernel, conv1Bias, conv2Kernel, conv2Bias, linearKernel, linearBias }),
      ),
    ));
}

for (const clipNorm of [Infinity, 0.5]) {
  test(`AdamW, gradients clipped at ${clipNorm}`, () => {
    // The second is longer than one part of the kernel's work.
    const shapes = [[3, 5], [90, 99], [1]];
    return sameOnWasm(shapes, (...start) => {
      const variables = start.map((t) => tf.variable(t));
      const optimiser = new AdamW(variables, { weightDecay: 0.1, clipNorm });
      for (let step = 0; step < 4; step++) {
        const at = variables.map((v, i) =>
          v.mul(step % 2 ? 3 : -1).add(tf.tensor(values(shapes[i]!), shapes[i]!)),
        );
        optimiser.step(at, 0.01);
      }
      const result = variables.map((v) => v.mul(1));
      optimiser.dispose();
      tf.dispose(variables);
      return result;
    });
  });
}

/** Queries, keys and values of every row, mixed by plain operations. */
function mixPlainly(projected: tf.Tensor, heads: number, length: number): tf.Tensor {
  const [rows, width] = [projected.shape[0]! / length, projected.shape[1]! / 3 / heads];
  const parts = projected.reshape([rows, length, 3, heads, width]).transpose([2, 0, 3, 1, 4]);
  const [query, key, value] = tf.unstack(parts);
  const map = tf.softmax(tf.matMul(query!.mul(1 / Math.sqrt(width)), key!, false, true));
  const mixed = tf.matMul(map, value!).transpose([0, 2, 1, 3]);
  return mixed.reshape([rows * length, heads * width]);
}

for (const [rows, length, features, heads] of [
  [3, 12, 128, 8],
  [2, 32, 16, 8],
  [1, 1, 6, 2],
  [5, 7, 15, 3],
  [2, 150, 10, 1],
  [1, 520, 4, 2],
] as const)
  test(`dot-product attention of [${rows}, ${length}, ${features}], ${heads} heads, has the digits of plain operations`, () => {
    const projected = tf.tensor(values([rows * length, 3 * features]), [rows * length, 3 * features]);
    const dy = tf.tensor(values([rows * length, features]), [rows * length, features]);
    const before = tf.memory().numTensors;
    const attributes = { heads, length };
    const y: tf.Tensor = tf.engine().runKernel("DotProductAttention", { projected }, attributes);
    const dx: tf.Tensor = tf.engine().runKernel("DotProductAttentionGrad", { dy, projected }, attributes);
    const plain = tf.tidy(() => mixPlainly(projected, heads, length));
    const plainGradient = tf.tidy(() => tf.grad((x) => mixPlainly(x, heads, length))(projected, dy));
    assert.deepEqual(y.dataSync(), plain.dataSync());
    assert.deepEqual(dx.dataSync(), plainGradient.dataSync());
    tf.dispose([y, dx, plain, plainGradient]);
    assert.equal(tf.memory().numTensors, before);
    tf.dispose([projected, dy]);
  });

test("a copy of a variable keeps its values when the variable learns", async () => {
  await tf.setBackend("wasm");
  const variable = tf.variable(tf.tensor1d([1, 2, 3]));
  const copy = variable.clone();
  const optimiser = new AdamW([variable], { weightDecay: 0 });
  const gradient = tf.ones([3]);
  optimiser.step([gradient], 0.1);
  assert.deepEqual([...(await copy.data())], [1, 2, 3]);
  assert.ok((await variable.data())[0]! < 1);
  optimiser.dispose();
  tf.dispose([variable, copy, gradient]);
});
