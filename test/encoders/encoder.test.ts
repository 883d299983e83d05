import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { openEncoder, type Adapt, type Encoder } from "#src/encoders/encoder.js";
import { padIds } from "#src/encoders/text-input.js";
import { readSafetensors } from "#src/formats/safetensors.js";
import { relativeL2 } from "#src/parity/reference.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";
import { ids, writeLlama, writeTensors } from "./tiny.js";
import { freshFolder } from "../support/files.js";

const fixtures = "test/fixtures/reference";
const inputOf = (folder: string, { inputName }: Encoder) => ({
  values: readSafetensors(join(folder, "expected.safetensors"), [inputName]).tensors.get(inputName)!,
});

/** Query and value, on which a low-rank update acts by default, in each architecture. */
const projections: Record<string, { query: RegExp; value: RegExp }> = {
  wavlm_large_style: { query: /attention\.q_proj$/, value: /attention\.v_proj$/ },
  wavlm_base_style: { query: /attention\.q_proj$/, value: /attention\.v_proj$/ },
  llama_sharded: { query: /self_attn\.q_proj$/, value: /self_attn\.v_proj$/ },
  beit: { query: /attention\.query$/, value: /attention\.value$/ },
};

onEveryBackend("projections take a low-rank update", () => {
  for (const [name, { query, value }] of Object.entries(projections)) {
    const folder = join(fixtures, name);

    test(`${name}: query and value of a layer pass through it; an update of zero changes nothing`, async () => {
      const encoder = await openEncoder(folder);
      const state = encoder.embed(inputOf(folder, encoder));
      const seen: string[] = [];
      const zero: Adapt = (projection, x, y) => {
        if (!query.test(projection) && !value.test(projection)) return y;
        seen.push(projection);
        return y.add(x.matMul(tf.zeros([x.shape[1], 2])).matMul(tf.zeros([2, y.shape[1]])));
      };
      const layer = encoder.layer(1);
      await assertClose(layer.apply(state, zero), layer.apply(state), 0);
      assert.equal(seen.length, 2);
    });

    test(`${name}: gradients reach an update through the layers above it`, async () => {
      const encoder = await openEncoder(folder, { resident: true });
      const { hidden, context } = encoder.embed(inputOf(folder, encoder));
      const layers = [encoder.layer(0), encoder.layer(encoder.layers - 1)];
      const updated = (a: tf.Tensor, b: tf.Tensor) => {
        const adapt: Adapt = (projection, x, y) =>
          query.test(projection) ? y.add(x.matMul(a as tf.Tensor2D).matMul(b as tf.Tensor2D)) : y;
        return layers.reduce((x, layer) => layer.apply({ hidden: x, context }, adapt), hidden);
      };
      const { features } = encoder;
      // a sum over all hidden states in float32 wants a wide step; the reference's gradients are exact
      await assertGradients(updated, [normal([features, 2], 1).mul(0.3), normal([2, features], 2).mul(0.3)], {
        tolerance: 2e-2,
        step: 0.1,
      });
      encoder.dispose();
    });
  }
});

test("an item's hidden states do not depend on its batch neighbours or its padding, on either side", async () => {
  const encoder = await openEncoder(writeLlama(3));
  const last = (input: Parameters<Encoder["hiddenStates"]>[0]) => encoder.hiddenStates(input).at(-1)!;
  const alone = last(ids([[1, 7, 9]])).squeeze([0]);
  const right = last(padIds([[1, 7, 9], [1, 2, 3, 4, 5]])); // prettier-ignore
  await assertClose(right.slice([0, 0, 0], [1, 3, -1]).squeeze([0]), alone);
  const left = last({
    ...ids([[0, 0, 1, 7, 9]]),
    mask: { shape: [1, 5], dtype: "int32", data: Int32Array.from([0, 0, 1, 1, 1]) },
  });
  await assertClose(left.slice([0, 2, 0], [1, 3, -1]).squeeze([0]), alone);
});

test("the head reads the last token that is not the padding id, or without such an id, not masked", async () => {
  const rows = [[1, 7, 9], [1, 2, 3, 4, 5]]; // prettier-ignore
  for (const pad_token_id of [0, -1, null]) {
    const encoder = await openEncoder(
      writeLlama(1, (config) => void Object.assign(config, { pad_token_id })),
    );
    const { context } = encoder.embed(padIds(rows, 0));
    assert.deepEqual([...(await context.pool.data())], [0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  }
});

test("a masked recording gives what it gives alone", async () => {
  // layer norm in the front end: the group norm of Base averages over padding too, here as in transformers
  const encoder = await openEncoder(`${fixtures}/wavlm_large_style`);
  const { data } = inputOf(encoder.folder, encoder).values;
  const wave = Float32Array.from(data.subarray(0, 800));
  const alone = encoder.hiddenStates({ values: { shape: [1, 800], dtype: "float32", data: wave } });
  const padded = new Float32Array(1600);
  padded.set(wave);
  const mask = new Int32Array(1600).fill(1, 0, 800);
  const masked = encoder.hiddenStates({
    values: { shape: [1, 1600], dtype: "float32", data: padded },
    mask: { shape: [1, 1600], dtype: "int32", data: mask },
  });
  for (const [i, state] of alone.entries())
    await assertClose(masked[i]!.slice([0, 0, 0], state.shape), state, 1e-4);
});

test("the same weights under other names: without prefix, in transformers 5's spelling, in the newer weight norm", async () => {
  for (const [name, rename] of [
    ["llama", (key: string) => key.replace(/^model\./, "")],
    [
      "beit",
      (key: string) =>
        key
          .replace("attention.attention.relative", "relative")
          .replace("encoder.layer.", "layers.")
          .replace("attention.attention.query", "attention.q_proj")
          .replace("attention.attention.key", "attention.k_proj")
          .replace("attention.attention.value", "attention.v_proj")
          .replace("attention.output.dense", "attention.o_proj")
          .replace("intermediate.dense", "mlp.fc1")
          .replace(".output.dense", ".mlp.fc2"),
    ],
    [
      "wavlm_large_style",
      (key: string) =>
        key
          .replace("weight_g", "parametrizations.weight.original0")
          .replace("weight_v", "parametrizations.weight.original1"),
    ],
  ] as const) {
    const folder = join(freshFolder(), name);
    cpSync(join(fixtures, name), folder, { recursive: true });
    const { tensors } = readSafetensors(join(folder, "model.safetensors"));
    const kept = [...tensors].filter(([key]) => name !== "llama" || key.startsWith("model."));
    writeTensors(
      join(folder, "model.safetensors"),
      Object.fromEntries(
        kept.map(([key, { shape, data }]) => [rename(key), { shape, data: data as Float32Array }]),
      ),
    );
    const [renamed, original] = [await openEncoder(folder), await openEncoder(join(fixtures, name))];
    const input = inputOf(folder, original);
    const [a, b] = [renamed.hiddenStates(input).at(-1)!, original.hiddenStates(input).at(-1)!];
    assert.equal(relativeL2(await a.data(), await b.data()), 0, name);
  }
});

test("a checkpoint without a head gives no logits", async () => {
  const encoder = await openEncoder(writeLlama(1));
  assert.equal(encoder.classes, 0);
  assert.throws(() => encoder.logits(encoder.embed(ids([[1, 2]]))), /has no classifier/);
});

test("a shard that is missing is named", async () => {
  const folder = freshFolder();
  cpSync(join(fixtures, "llama_sharded"), folder, { recursive: true });
  renameSync(join(folder, "model-00002-of-00002.safetensors"), join(folder, "elsewhere"));
  await assert.rejects(openEncoder(folder), /model-00002-of-00002\.safetensors cannot be opened \(ENOENT\)/);
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, readFileSync(index, "utf8").replaceAll("model-00002", "../model-00002"));
  await assert.rejects(openEncoder(folder), /is no file name/);
});
