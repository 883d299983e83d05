import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose.js";
import { attention, keyMask, type ScoreBias } from "#src/encoders/attention.js";
import { gelu, layerNorm, rmsNorm, silu } from "#src/encoders/ops.js";
import { values } from "./compare.js";

before(async () => {
  await chooseBackend("wasm", { threads: 2 });
});

const names = ["Gelu", "Silu", "LayerNorm", "RmsNorm", "TimeNorm", "Rotary", "ScaledDotProduct"];

test("every encoder kernel is registered for wasm, and for wasm alone", () => {
  for (const name of names) {
    assert.ok(tf.getKernel(name, "wasm"), name);
    assert.equal(tf.getKernel(name, "cpu"), undefined, name);
  }
});

const tensor = (shape: number[], scale = 1) => tf.tensor(values(shape), shape).mul(scale);

/** Values of an operation by the kernel, and by plain operations, which a gradient needs: equal to the last bit. */
function sameDigits(operation: () => tf.Tensor): Float32Array {
  return tf.tidy(() => {
    const direct = operation().dataSync() as Float32Array;
    let plain: Float32Array;
    tf.grad((x: tf.Tensor) => {
      plain = operation().dataSync() as Float32Array;
      return x.square();
    })(tf.scalar(1));
    assert.ok(direct.every(Number.isFinite));
    assert.deepEqual(direct, plain!);
    return direct;
  });
}

for (const shape of [
  [1, 1, 4],
  [2, 9, 37],
  [3, 21, 768],
]) {
  const features = shape.at(-1)!;
  test(`norms and activations of [${shape}] have the digits of plain operations`, () => {
    const [weight, bias] = [tensor([features]), tensor([features])];
    sameDigits(() => layerNorm(tensor(shape, 3), weight, bias, 1e-5));
    sameDigits(() => rmsNorm(tensor(shape, 3), weight, 1e-6));
    sameDigits(() => gelu(tensor(shape, 5)));
    sameDigits(() => silu(tensor(shape, 5)));
    tf.dispose([weight, bias]);
  });
}

test("SiLU has the digits of plain operations from where it is 0 to where it is x", () => {
  const x = tf.linspace(-120, 120, 200_003);
  sameDigits(() => silu(x));
  x.dispose();
});

for (const [batch, tokens, heads, d] of [
  [2, 9, 3, 32],
  [1, 1, 1, 2],
  [3, 19, 2, 10],
] as const)
  test(`rotary positions of ${heads} heads of ${d} features have the digits of plain operations`, () => {
    tf.tidy(() => {
      const [x, cos, sin] = [
        tensor([batch, tokens, heads * d]),
        tensor([tokens, 1, d]),
        tensor([tokens, 1, d], 2),
      ];
      const parts = x.reshape([batch, tokens, heads, d]);
      const [first, second] = tf.split(parts, 2, 3);
      const plain = parts.mul(cos).add(tf.concat([second!, first!], 3).mul(sin));
      const y: tf.Tensor = tf.engine().runKernel("Rotary", { x, cos, sin });
      assert.deepEqual(y.shape, x.shape);
      assert.deepEqual(y.dataSync(), plain.dataSync());
    });
  });

test("group norm over time has the digits of plain operations", () => {
  tf.tidy(() => {
    const [x, weight, bias] = [tensor([3, 101, 52], 2), tensor([52]), tensor([52])];
    const y: tf.Tensor = tf.engine().runKernel("TimeNorm", { x, weight, bias }, { epsilon: 1e-5 });
    const centred = x.sub(x.mean(1, true));
    const scale = centred.square().mean(1, true).add(1e-5).rsqrt();
    assert.deepEqual(y.dataSync(), centred.mul(scale).mul(weight).add(bias).dataSync());
  });
});

/** Batch, tokens, heads, heads of keys, features of a head. */
for (const [batch, tokens, heads, keyHeads, d] of [
  [1, 1, 1, 1, 2],
  [2, 33, 4, 2, 12],
  [3, 50, 3, 3, 64],
  [1, 530, 2, 1, 20],
] as const) {
  const name = `attention of ${tokens} tokens, ${heads} heads by ${keyHeads} of ${d}`;
  const inputs = (items: number = batch) =>
    [heads, keyHeads, keyHeads].map((n, i) =>
      tensor([batch, tokens, n * d], 1 + i).slice([0, 0, 0], [items, -1, -1]),
    ) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const mask = Int32Array.from({ length: batch * tokens }, (_, i) => Number(i % 7 !== 3));
  const biases: Record<string, () => ScoreBias | undefined> = {
    "no bias": () => undefined,
    "a bias of each head": () => ({ matrix: tensor([1, heads, tokens, tokens], 2) as tf.Tensor4D }),
    "a bias of each item": () => ({ matrix: tensor([batch, 1, tokens, tokens], 2) as tf.Tensor4D }),
    "a gated bias and padding": () => ({
      matrix: tensor([1, heads, tokens, tokens], 2) as tf.Tensor4D,
      gate: tensor([batch, heads, tokens, 1]) as tf.Tensor4D,
      keys: keyMask(mask, batch, tokens),
    }),
  };
  for (const [kind, bias] of Object.entries(biases))
    test(`${name}: with ${kind} the digits are those of plain operations`, () => {
      sameDigits(() => attention(...inputs(), heads, bias()));
    });

  test(`${name}: an item's digits do not depend on its neighbours`, () => {
    tf.tidy(() => {
      const matrix = tensor([1, heads, tokens, tokens]) as tf.Tensor4D;
      const all = attention(...inputs(), heads, { matrix });
      const alone = attention(...inputs(1), heads, { matrix });
      assert.deepEqual(all.slice([0, 0, 0], [1, -1, -1]).dataSync(), alone.dataSync());
    });
  });
}

test("digits do not depend on the number of threads", async () => {
  const run = () =>
    tf.tidy(() => {
      const x = tensor([3, 70, 96], 2) as tf.Tensor3D;
      const y = attention(x, x, layerNorm(x, tensor([96]), tensor([96]), 1e-5), 8);
      return gelu(tf.conv1d(y, tensor([3, 96, 40]) as tf.Tensor3D, 2, "valid")).dataSync();
    });
  const two = run();
  await chooseBackend("wasm", { threads: 1 });
  assert.deepEqual(run(), two);
  await chooseBackend("wasm", { threads: 2 });
});
