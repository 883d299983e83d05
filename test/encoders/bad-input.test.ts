import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { openEncoder, type EncoderInput } from "#src/encoders/encoder.js";
import { ids, tinyLlama, writeLlama, writeTensors, type Arrays } from "./tiny.js";
import { freshFolder, refusal } from "../support/files.js";

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
  [
    "a relative of an architecture",
    set({ model_type: "hubert" }),
    /unknown model_type .* "hubert": .*; the nearest to it is wavlm: take a checkpoint of that architecture/,
  ],
  ["a relative of Llama", set({ model_type: "qwen2" }), /the nearest to it is llama/],
  ["a relative of BEiT", set({ model_type: "vit" }), /the nearest to it is beit/],
  ["no architecture", set({ model_type: undefined }), /unknown model_type .* "undefined"/],
  ["a field that is missing", set({ hidden_size: undefined }), /config\.json lacks hidden_size/],
  ["a size that is none", set({ hidden_size: -4 }), /hidden_size is -4 and must be a whole number/],
  ["heads that do not divide", set({ num_attention_heads: 5 }), /does not divide/],
  [
    "scaled rotary positions",
    set({ rope_scaling: { rope_type: "yarn" } }),
    /type "yarn" are not implemented/,
  ],
  [
    "rotary positions that grow with the text",
    set({ rope_parameters: { rope_type: "dynamic", factor: 2 } }),
    /"dynamic" are not implemented, only default, linear, llama3: .*take rope_scaling out of config\.json/,
  ],
  [
    "scaled rotary positions without their factor",
    set({ rope_scaling: { type: "linear" } }),
    /config\.json \(rope_scaling\) lacks factor/,
  ],
  [
    "rotary positions of a part of the features",
    set({ partial_rotary_factor: 0.5 }),
    /partial_rotary_factor other than 1/,
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
  await assert.rejects(
    openEncoder("test/fixtures/reference/llama/adapter"),
    refusal(/holds an adapter, no encoder: name its base model's folder/),
  );
  writeFileSync(join(empty, "params.json"), "{}");
  await assert.rejects(openEncoder(empty), refusal(/in Meta's own layout/));
  writeFileSync(
    join(empty, "config.json"),
    "version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 9\n",
  );
  await assert.rejects(openEncoder(empty), refusal(/config\.json is a git-LFS pointer/));
  writeFileSync(join(empty, "config.json"), "{\n");
  await assert.rejects(openEncoder(empty), /config\.json is not JSON/);
  writeFileSync(join(empty, "config.json"), JSON.stringify({ ...tinyLlama, num_hidden_layers: 1 }));
  await assert.rejects(openEncoder(empty), /holds no checkpoint/);
});

test("refused: quantised weights, by the method and with its remedy", async () => {
  // a header with a tensor of another dtype, as the method stores it
  const packed = (name: string, dtype: string, quantization_config?: object) => {
    const folder = writeLlama(1, set({ quantization_config }));
    const header = Buffer.from(JSON.stringify({ [name]: { dtype, shape: [4], data_offsets: [0, 4 * (dtype === "I32" ? 4 : 1)] } })); // prettier-ignore
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(join(folder, "model.safetensors"), Buffer.concat([length, header, Buffer.alloc(16)]));
    return folder;
  };
  const projection = "model.layers.0.mlp.up_proj";
  for (const [folder, message] of [
    [packed(`${projection}.weight`, "F8_E4M3"), /quantised weights \(fp8; .* is F8_E4M3\).*dequantize=True/],
    [
      packed(`${projection}.weight`, "I8", { quant_method: "bitsandbytes" }),
      /\(bitsandbytes; .*save model\.dequantize\(\)/,
    ],
    [packed(`${projection}.qweight`, "I32"), /\(gptq or awq; .*take the checkpoint that it was made from/],
    [packed(`${projection}.qweight`, "I32", { quant_method: "awq" }), /\(awq; .*take the checkpoint/],
  ] as const)
    await assert.rejects(openEncoder(folder), refusal(message));
});

test("a config that names a quantisation, over weights that are not quantised, is none", async () => {
  await openEncoder(writeLlama(1, set({ quantization_config: { quant_method: "fp8" } })));
});

test("refused: absolute positions on rectangular images, which transformers interpolates", async () => {
  const folder = freshFolder();
  const fields = JSON.parse(
    readFileSync(join("test/fixtures/encoders/beit_rectangular", "config.json"), "utf8"),
  );
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ ...fields, use_absolute_position_embeddings: true }),
  );
  writeTensors(join(folder, "model.safetensors"), {});
  await assert.rejects(
    openEncoder(folder),
    refusal(/absolute positions .* on images of 24 × 40 are not implemented/),
  );
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
