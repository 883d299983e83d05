import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openEncoder } from "#src/encoders/encoder.js";
import { readSafetensors } from "#src/formats/safetensors.js";
import { inputOf } from "#src/parity/encoders.js";
import { Reference } from "#src/parity/reference.js";
import { assertClose } from "../support/close.js";
import { freshFolder, refusal } from "../support/files.js";
import { writeTensors, type Arrays } from "./tiny.js";

const fixtures = "test/fixtures/reference";

/** A copy of a fixture with other tensors and another config. */
function changed(
  name: string,
  change: (arrays: Arrays) => Arrays,
  config: Record<string, unknown> = {},
): string {
  const folder = freshFolder();
  cpSync(join(fixtures, name), folder, { recursive: true });
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...config }));
  const { tensors } = readSafetensors(join(folder, "model.safetensors"));
  writeTensors(join(folder, "model.safetensors"), change(Object.fromEntries(tensors) as Arrays));
  return folder;
}

const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
const renamed = (rename: (name: string) => string) => (arrays: Arrays) =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [rename(name), array]));
const without = (part: RegExp) => (arrays: Arrays) =>
  Object.fromEntries(Object.entries(arrays).filter(([name]) => !part.test(name)));

/** The last hidden state is that of the fixture. */
async function opens(folder: string, name: string) {
  const encoder = await openEncoder(folder);
  const expected = new Reference(join(fixtures, name, "expected.safetensors"));
  const { context, hidden } = encoder.embed(inputOf(expected, encoder));
  let last = hidden;
  for (let i = 0; i < encoder.layers; i++) last = encoder.layer(i).apply({ context, hidden: last });
  await assertClose([...(await last.data())], [...expected.host(`hidden.${encoder.layers}`).data], 1e-4);
  return { encoder, state: { context, hidden: last } };
}

const xVector: (arrays: Arrays) => Arrays = (arrays) => ({
  ...without(/^(classifier|projector)/)(arrays),
  "projector.weight": zeros(20, 32),
  "projector.bias": zeros(20),
  "tdnn.0.kernel.weight": zeros(20, 60),
  "feature_extractor.weight": zeros(24, 40),
  "classifier.weight": zeros(24, 24),
  "classifier.bias": zeros(24),
  "objective.weight": zeros(24, 4),
});
const others: [cls: string, name: string, change: (arrays: Arrays) => Arrays, modules: RegExp][] = [
  ["WavLMForXVector", "wavlm_large_style", xVector, /projector, tdnn, feature_extractor, classifier, obj/],
  [
    "WavLMForAudioFrameClassification",
    "wavlm_large_style",
    (arrays) => ({ ...without(/^(classifier|projector)/)(arrays), "classifier.weight": zeros(2, 32) }),
    /\(classifier\)/,
  ],
  [
    "WavLMForCTC",
    "wavlm_large_style",
    (arrays) => ({ ...without(/^(classifier|projector)/)(arrays), "lm_head.weight": zeros(11, 32) }),
    /\(lm_head\)/,
  ],
  [
    "LlamaForTokenClassification",
    "llama",
    (arrays) => ({ ...arrays, "score.bias": zeros(arrays["score.weight"]!.shape[0]!) }),
    /\(score\)/,
  ],
  ["LlamaForTokenClassification", "llama", (arrays) => arrays, /\(score\)/],
  [
    "BeitForMaskedImageModeling",
    "beit",
    (arrays) => ({
      ...without(/^classifier|^beit\.pooler/)(arrays),
      "beit.embeddings.mask_token": zeros(1, 1, 32),
      "layernorm.weight": zeros(32),
      "lm_head.weight": zeros(64, 32),
    }),
    /\(layernorm, lm_head\)/,
  ],
  [
    "BeitForSemanticSegmentation",
    "beit",
    (arrays) => ({
      ...without(/^beit\.pooler/)(arrays),
      "decode_head.classifier.weight": zeros(4, 32, 1, 1),
    }),
    /\(classifier, decode_head\)/,
  ],
];
for (const [cls, name, change, modules] of others) {
  test(`${cls} opens for its hidden states; logits are refused with its name`, async () => {
    const { encoder, state } = await opens(changed(name, change, { architectures: [cls] }), name);
    assert.equal(encoder.classes, 0);
    assert.throws(() => encoder.logits(state), refusal(new RegExp(`has the head of ${cls} `)));
    assert.throws(() => encoder.logits(state), refusal(modules));
  });
}

test("a head that fits but for parts that compute more is another's, whatever the config lacks", async () => {
  const { encoder, state } = await opens(
    changed("llama", (arrays) => ({ ...arrays, "score.bias": zeros(4) }), { architectures: null }),
    "llama",
  );
  assert.throws(() => encoder.logits(state), refusal(/the head of another kind \(score\)/));
});

test("a head is read where the config still names the class that the encoder was trained as", async () => {
  for (const architectures of [["LlamaForCausalLM"], ["LlamaModel"], undefined]) {
    const { encoder } = await opens(
      changed("llama", (arrays) => arrays, { architectures }),
      "llama",
    );
    assert.equal(encoder.classes, 4);
  }
});

test("a head over a weighted sum of the layers is refused only for logits", async () => {
  const { encoder, state } = await opens(
    changed("wavlm_large_style", (arrays) => arrays, { use_weighted_layer_sum: true }),
    "wavlm_large_style",
  );
  assert.throws(
    () => encoder.logits(state),
    refusal(/reads a weighted sum of all layers .*gives hidden states/),
  );
});

test("a head of other shapes than the config's is refused only for logits", async () => {
  const { encoder, state } = await opens(
    changed("llama", (arrays) => ({ ...arrays, "score.weight": zeros(4, 8) })),
    "llama",
  );
  assert.throws(
    () => encoder.logits(state),
    refusal(/"score\.weight" is \[4, 8\].*hidden states need no head/),
  );
});

const bare = (prefix: string) => (name: string) => name.replace(prefix, "");
const wrappers: [what: string, name: string, change: (arrays: Arrays) => Arrays, classes: number][] = [
  ["DataParallel", "llama", renamed((name) => `module.${name}`), 4],
  ["torch.compile in DataParallel", "wavlm_large_style", renamed((name) => `module._orig_mod.${name}`), 4],
  ["torch.compile", "beit", renamed((name) => `_orig_mod.${name}`), 5],
  ["peft, merged", "llama", renamed((name) => `base_model.model.${name}`), 4],
  ["a class of one's own", "llama", renamed((name) => `model.${name}`), 4],
  [
    "a bare one in DataParallel",
    "beit",
    (a) => renamed((n) => `module.${bare("beit.")(n)}`)(without(/^cl/)(a)),
    0,
  ],
  [
    "a bare one, twice",
    "llama",
    (a) => renamed((n) => `module.model.${bare("model.")(n)}`)(without(/^sc/)(a)),
    0,
  ],
  ["question answering, as it was", "llama", renamed((n) => n.replace("model.", "transformer.").replace("score", "qa_outputs")), 0], // prettier-ignore
];
for (const [what, name, change, classes] of wrappers) {
  test(`wrapped names: ${what}`, async () => {
    const { encoder } = await opens(changed(name, change), name);
    assert.equal(encoder.classes, classes);
  });
}

test("of several encoders in one file none is guessed", async () => {
  const twice = (arrays: Arrays) => ({
    ...renamed((name) => `student.${name}`)(arrays),
    ...renamed((name) => `teacher.${name}`)(arrays),
  });
  await assert.rejects(
    openEncoder(changed("llama", twice)),
    refusal(/holds several encoders \("student\.model\.", "teacher\.model\.", …\); save the one/),
  );
});

test("of tied embeddings either name serves", async () => {
  const tied = renamed((name) => name.replace("model.embed_tokens", "lm_head"));
  await opens(changed("llama", tied, { tie_word_embeddings: true }), "llama");
  await assert.rejects(
    openEncoder(changed("llama", tied)),
    refusal(/lacks tensor "model\.embed_tokens\.weight"/),
  );
});

test("a model that was saved with its adapter in it says how to merge it", async () => {
  const inside = renamed((name) => name.replace("q_proj.weight", "q_proj.base_layer.weight"));
  await assert.rejects(
    openEncoder(changed("llama", inside)),
    refusal(/saved with an adapter in it .*base_layer.*merge_and_unload/),
  );
});
