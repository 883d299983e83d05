import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose.js";
import type { EncoderInput } from "#src/encoders/architecture.js";
import { openEncoder } from "#src/encoders/encoder.js";
import { itemsTogether, parts } from "#src/encoders/size.js";
import { meanStates } from "#src/encoders/stream.js";
import { randomStream } from "#src/random.js";
import { peak } from "./peak.js";

before(() => chooseBackend("wasm"));

const encoders = {
  wavlm_base_style: { item: [800], dtype: "float32" },
  wavlm_large_style: { item: [800], dtype: "float32" },
  beit: { item: undefined, dtype: "float32" },
  llama: { item: [48], dtype: "int32" },
} as const;

async function opened(name: keyof typeof encoders) {
  const encoder = await openEncoder(`test/fixtures/reference/${name}`);
  const { item = [3, 32, 32], dtype } = encoders[name];
  const random = randomStream(1, name);
  const batch = (items: number): EncoderInput => {
    const shape = [items, ...item];
    const draw = { length: shape.reduce((a, b) => a * b) };
    const data =
      dtype === "int32"
        ? Int32Array.from(draw, () => Math.floor(64 * random.uniform()))
        : Float32Array.from(draw, () => random.normal());
    return { values: { shape, dtype, data } as EncoderInput["values"] };
  };
  return { encoder, batch, size: encoder.blueprint.size([...item]) };
}

for (const name of Object.keys(encoders) as (keyof typeof encoders)[]) {
  test(`${name}: what an item is said to take is what it takes at most`, async () => {
    const { encoder, batch, size } = await opened(name);
    const input = batch(4);
    const context = encoder.context(input);
    const embedding = encoder.embedding();
    let hidden: tf.Tensor3D;
    const embed = await peak(() => (hidden = embedding.apply(input, context)));
    const layer = encoder.layer(1);
    let next: tf.Tensor3D;
    const pass = await peak(() => (next = layer.apply({ hidden, context })));
    assert.equal(hidden!.shape[1], size.tokens);
    for (const [bytes, said] of [
      [embed.bytes, 4 * size.embed],
      [pass.bytes, 4 * size.layer],
    ] as const)
      assert.ok(bytes <= said && bytes > said / 10, `${bytes} bytes, said to be ${said}`);
    embedding.dispose();
    layer.dispose();
    tf.dispose([hidden!, next!, context]);
  });

  test(`${name}: means do not depend on the batch, to the last bit`, async () => {
    const { encoder, batch } = await opened(name);
    const input = batch(5);
    const whole = await meanStates(encoder, [input]);
    for (const most of [1, 2, 3]) assert.deepEqual(await meanStates(encoder, parts(input, most)), whole);
  });
}

test("batches grow with memory, and one item goes in any case", () => {
  assert.equal(itemsTogether(1e3), 16);
  assert.equal(itemsTogether(50e6), 8);
  assert.equal(itemsTogether(5e9), 1);
});
