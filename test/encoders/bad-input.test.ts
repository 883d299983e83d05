import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { openEncoder, type EncoderInput } from "#src/encoders/encoder.js";
import { ids, tinyLlama, writeLlama, type Arrays } from "./tiny.js";
import { freshFolder } from "../support/files.js";

type Change = (config: Record<string, unknown>, arrays: Arrays) => void;
const set =
  (fields: object): Change =>
  (config) =>
    void Object.assign(config, fields);

const folders: [what: string, change: Change, message: RegExp][] = [
  [
    "another architecture",
    set({ model_type: "bert" }),
    /unknown model_type .* "bert": choose one of beit, llama, wavlm/,
  ],
  ["no architecture", set({ model_type: undefined }), /unknown model_type .* "undefined"/],
  ["a field that is missing", set({ hidden_size: undefined }), /config\.json lacks hidden_size/],
  ["a size that is none", set({ hidden_size: -4 }), /hidden_size is -4 and must be a whole number/],
  ["heads that do not divide", set({ num_attention_heads: 5 }), /does not divide/],
  [
    "scaled rotary positions",
    set({ rope_scaling: { rope_type: "yarn" } }),
    /type "yarn" are not implemented/,
  ],
  ["an unknown activation", set({ hidden_act: "mish" }), /unknown hidden_act .* "mish"/],
  ["more layers than there are", set({ num_hidden_layers: 1e9 }), /lacks tensor "model\.layers\.2\./],
  [
    "fewer layers than there are",
    set({ num_hidden_layers: 1 }),
    /config\.json makes it 1 layers, the weights hold 2; take the config\.json of this checkpoint/,
  ],
  [
    "a vocabulary of another size",
    set({ vocab_size: 60 }),
    /embed_tokens\.weight" is \[50, 64\] where config\.json makes it \[60, 64\]/,
  ],
  ["a width of another size", set({ hidden_size: 32 }), /is \[.*\] where config\.json makes it/],
  [
    "a misspelt tensor",
    (_, arrays) => {
      const name = "model.layers.1.mlp.up_proj.weight";
      arrays["model.layers.1.mlp.upproj.weight"] = arrays[name]!;
      delete arrays[name];
    },
    /lacks tensor "model\.layers\.1\.mlp\.up_proj\.weight"; the nearest that it has is "model\.layers\.1\.mlp\.upproj\.weight"/,
  ],
];
for (const [what, change, message] of folders) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(
      openEncoder(writeLlama(2, change)),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test("refused: a truncated checkpoint, a folder without config or weights, a config that is no JSON", async () => {
  const folder = writeLlama(2);
  truncateSync(join(folder, "model.safetensors"), 5000);
  await assert.rejects(openEncoder(folder), /truncated/);
  const empty = freshFolder();
  await assert.rejects(openEncoder(empty), /config\.json is missing/);
  writeFileSync(join(empty, "config.json"), "{\n");
  await assert.rejects(openEncoder(empty), /config\.json is not JSON/);
  writeFileSync(join(empty, "config.json"), JSON.stringify({ ...tinyLlama, num_hidden_layers: 1 }));
  await assert.rejects(openEncoder(empty), /holds no checkpoint/);
});

const floats = (shape: number[]) => ({
  shape,
  dtype: "float32" as const,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
const wavlm = "test/fixtures/reference/wavlm_large_style";
const beit = "test/fixtures/reference/beit";
const inputs: [what: string, folder: string, input: EncoderInput, message: RegExp][] = [
  [
    "an id beyond the vocabulary",
    writeLlama(1),
    ids([[1, 50]]),
    /token 50 is beyond the vocabulary of 50: the tokenizer/,
  ],
  ["a text without tokens", writeLlama(1), ids([[]]), /without any token/],
  ["sound for a language model", writeLlama(1), { values: floats([1, 400]) }, /takes text as int32/],
  [
    "a mask of another shape",
    writeLlama(1),
    { ...ids([[1, 2]]), mask: ids([[1]]).values },
    /mask of \[1, 1\]/,
  ],
  [
    "a recording shorter than a frame",
    wavlm,
    { values: floats([1, 20]) },
    /20 samples is shorter than the 40/,
  ],
  ["an image of another size", beit, { values: floats([1, 3, 16, 16]) }, /3 × 16 × 16 do not fit/],
];
for (const [what, folder, input, message] of inputs) {
  test(`refused: ${what}`, async () => {
    const encoder = await openEncoder(folder);
    assert.throws(
      () => encoder.hiddenStates(input),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test("silence and a single frame give finite hidden states", async () => {
  const encoder = await openEncoder(wavlm);
  const [, first] = encoder.hiddenStates({ values: floats([1, 40]) });
  assert.deepEqual(first!.shape, [1, 1, 32]);
  assert.ok((await first!.data()).every(Number.isFinite));
});
