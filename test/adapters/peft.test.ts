import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { adapt, lowRankParameters } from "#src/adapters/low-rank.js";
import { loadAdapter, saveAdapter, type Adapter } from "#src/adapters/peft.js";
import { openEncoder, type Encoder } from "#src/encoders/encoder.js";
import { UserError } from "#src/errors.js";
import { readHeader, readSafetensors } from "#src/formats/safetensors.js";
import { checkAdapterCase } from "#src/parity/adapters.js";
import { inputOf } from "#src/parity/encoders.js";
import { Reference } from "#src/parity/reference.js";
import { writeTensors, type Arrays } from "../encoders/tiny.js";
import { assertClose } from "../support/close.js";
import { onEveryBackend } from "../support/backends.js";
import { freshFolder, refusal } from "../support/files.js";

const fixtures = "test/fixtures/reference";
const encoders = ["beit", "wavlm_large_style", "llama"];
const temporary = () => freshFolder();
const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"));
const weightsOf = (folder: string) => readSafetensors(join(folder, "adapter_model.safetensors")).tensors;

function logits(encoder: Encoder, adapter: Adapter): Promise<Float32Array> {
  const { context, hidden } = encoder.embed(
    inputOf(new Reference(join(encoder.folder, "expected.safetensors")), encoder),
  );
  let last = hidden;
  for (let i = 0; i < encoder.layers; i++)
    last = encoder.layer(i).apply({ context, hidden: last }, adapt(adapter));
  return encoder.logits({ context, hidden: last }, adapter.head).data() as Promise<Float32Array>;
}

/** A copy of a peft-written adapter, spoilt. */
function changed(
  name: string,
  config: Record<string, unknown>,
  rename: (tensor: string) => string | undefined = (tensor) => tensor,
): string {
  const folder = temporary();
  const original = join(fixtures, name, "adapter");
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...configOf(original), ...config }));
  const kept: Arrays = {};
  for (const [tensor, { shape, data }] of weightsOf(original)) {
    const renamed = rename(tensor);
    if (renamed) kept[renamed] = { shape, data: data as Float32Array };
  }
  writeTensors(join(folder, "adapter_model.safetensors"), kept);
  return folder;
}

onEveryBackend("adapters of peft", () => {
  for (const name of encoders) {
    test(`${name}: what peft wrote gives its logits, merged and not, and nothing leaks`, async () => {
      const before = tf.memory().numTensors;
      const compared = await checkAdapterCase(join(fixtures, name, "adapter"));
      assert.equal(compared.length, 2);
      for (const { quantity, error } of compared) assert.ok(error <= 1e-4, `${quantity}: ${error}`);
      assert.equal(tf.memory().numTensors, before);
    });

    test(`${name}: what is written is what peft wrote, and reads back to the same logits`, async () => {
      const encoder = await openEncoder(join(fixtures, name), { resident: true });
      const original = join(fixtures, name, "adapter");
      const adapter = await loadAdapter(original, encoder);
      const folder = join(temporary(), "new", "adapter");
      await saveAdapter(folder, adapter, encoder);
      assert.deepEqual(readdirSync(folder).sort(), ["adapter_config.json", "adapter_model.safetensors"]);
      const expected = { ...configOf(original), base_model_name_or_path: name };
      const written = configOf(folder);
      for (const config of [expected, written])
        for (const list of ["target_modules", "modules_to_save"]) config[list].sort(); // sets, in peft
      assert.deepEqual(written, expected);
      assert.deepEqual(Object.keys(written), Object.keys(expected));
      assert.deepEqual(weightsOf(folder), weightsOf(original));
      assert.deepEqual(readHeader(join(folder, "adapter_model.safetensors")).metadata, { format: "pt" });
      const again = await loadAdapter(folder, encoder);
      assert.deepEqual(again.form, adapter.form);
      assert.deepEqual(await logits(encoder, again), await logits(encoder, adapter));
      encoder.dispose();
    });
  }

  test("the published scaling, α, reads back as the standard one with α · rank: the same logits", async () => {
    const encoder = await openEncoder(join(fixtures, "beit"), { resident: true });
    const adapter = await loadAdapter(join(fixtures, "beit", "adapter"), encoder);
    const published: Adapter = { ...adapter, form: { ...adapter.form, alpha: 3, scaling: "published" } };
    const folder = temporary();
    await saveAdapter(folder, published, encoder);
    const again = await loadAdapter(folder, encoder);
    assert.deepEqual([again.form.alpha, again.form.scaling], [12, "standard"]);
    assert.deepEqual(await logits(encoder, again), await logits(encoder, published));
    encoder.dispose();
  });

  test("BEiT's newer names, a bare encoder's, and a head that is saved in part", async () => {
    const newer = changed("beit", { target_modules: ["v_proj", "q_proj"] }, (tensor) =>
      tensor
        .replace("encoder.layer.", "layers.")
        .replace("attention.attention.query", "attention.q_proj")
        .replace("attention.attention.value", "attention.v_proj"),
    );
    const beit = await openEncoder(join(fixtures, "beit"));
    const original = await loadAdapter(join(fixtures, "beit", "adapter"), beit);
    assert.deepEqual(await logits(beit, await loadAdapter(newer, beit)), await logits(beit, original));
    const values = [0, 1, 2, 3].map((layer) => `layers.${layer}.attention.v_proj`);
    const paths = { target_modules: ["attention.q_proj", ...values] };
    const byPath = await loadAdapter(changed("beit", paths), beit);
    assert.deepEqual(await logits(beit, byPath), await logits(beit, original));

    const llama = await openEncoder(join(fixtures, "llama"));
    const bare = changed("llama", { modules_to_save: null }, (tensor) =>
      tensor.includes("score") ? undefined : tensor.replace("model.model.model.", "model.model."),
    );
    const whole = await loadAdapter(join(fixtures, "llama", "adapter"), llama);
    const without = await loadAdapter(bare, llama);
    assert.deepEqual(without.head, {});
    assert.deepEqual(await logits(llama, without), await logits(llama, { ...whole, head: {} }));

    const wavlm = await openEncoder(join(fixtures, "wavlm_large_style"));
    // what peft saves for sequence classification, whatever the model calls its head
    const part = changed("wavlm_large_style", { modules_to_save: ["classifier", "score"] }, (tensor) =>
      tensor.includes("projector") ? undefined : tensor,
    );
    const { head } = await loadAdapter(part, wavlm);
    assert.deepEqual(Object.keys(head).sort(), ["classifier.bias", "classifier.weight"]);
  });
});

test("a setting that is not supported is refused by name, in one line", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  for (const [field, value] of Object.entries({
    peft_type: "LOHA",
    use_dora: true,
    use_qalora: true,
    use_bdlora: { target_modules_bd_a: [] },
    layers_to_transform: 0,
    layer_replication: [[0, 2]],
    alpha_pattern: { query: "8" },
    rank_pattern: { query: 8 },
    bias: "lora_only",
    lora_bias: true,
    init_lora_weights: "pissa",
    target_modules: ".*query",
    modules_to_save: [1],
    target_parameters: ["weight"],
    trainable_token_indices: [1],
    exclude_modules: ["query"],
    megatron_config: { heads: 2 },
    not_yet_invented: 3,
    r: 0,
    lora_alpha: "16",
  }))
    await assert.rejects(loadAdapter(changed("beit", { [field]: value }), encoder), (error: Error) => {
      assert.ok(error instanceof UserError, `${field}: ${error.stack}`);
      assert.match(error.message, new RegExp(`^[^\\n]*\\b${field}\\b[^\\n]*$`));
      return true;
    });
});

/** Adapters that peft 0.21 wrote around fixtures, with what they bring besides a low-rank update of every layer. */
const brought = {
  "beit_rectangular/bias_all": "biases of every module",
  "beit_rectangular/bias_lora_only": "biases of the adapted projections",
  "llama_rope_llama3/embedding_targeted": "an update of the embeddings and the head, rank-stabilised",
  "llama_rope_llama3/embeddings_saved": "embeddings, norms and head, saved whole",
  "llama_rope_llama3/one_layer": "one layer alone, in PyTorch's old format",
  "llama_rope_llama3/patterns": "ranks and alphas by pattern, targets by expression, in PyTorch's format",
  "llama_rope_llama3/tokens_trained": "rows of the embeddings",
  "wavlm_masked/all_linear": "every linear layer, those of the front end and the gates too",
};
const around = (name: string) => join("test/fixtures/encoders", name);

onEveryBackend("adapters with more than an update", () => {
  for (const [name, what] of Object.entries(brought))
    test(`${what}: peft's logits, merged and not, and nothing leaks`, async () => {
      const before = tf.memory().numTensors;
      for (const { quantity, error } of await checkAdapterCase(around(name)))
        assert.ok(error <= 1e-5, `${quantity}: ${error}`);
      assert.equal(tf.memory().numTensors, before);
    });
});

test("what an adapter puts in the place of the encoder's own lasts until the next one", async () => {
  for (const resident of [true, false]) {
    const encoder = await openEncoder(around("llama_rope_llama3"), { resident });
    const { embedding_targeted, one_layer } = Object.fromEntries(
      await Promise.all(
        ["embedding_targeted", "one_layer"].map(async (name) => {
          const alone = await openEncoder(around("llama_rope_llama3"));
          return [name, await logits(alone, await loadAdapter(join(alone.folder, name), alone))];
        }),
      ),
    );
    for (const [name, expected] of Object.entries({ one_layer, embedding_targeted, again: one_layer })) {
      const adapter = await loadAdapter(join(encoder.folder, name === "again" ? "one_layer" : name), encoder);
      await assertClose([...(await logits(encoder, adapter))], [...expected!], 1e-6);
    }
    encoder.dispose();
  }
});

test("an adapter of patterns is written as one of one rank, and reads back to its logits", async () => {
  const encoder = await openEncoder(around("llama_rope_llama3"));
  const adapter = await loadAdapter(join(encoder.folder, "patterns"), encoder);
  const folder = temporary();
  await saveAdapter(folder, adapter, encoder);
  const again = await loadAdapter(folder, encoder);
  assert.deepEqual([again.form.rank, again.form.alpha], [4, 8]);
  await assertClose([...(await logits(encoder, again))], [...(await logits(encoder, adapter))], 1e-6);
});

test("initialisations that change base weights are refused with what converts them", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  for (const init of ["pissa", "pissa_niter_16", "olora", "corda", "lora_ga"])
    await assert.rejects(
      loadAdapter(changed("beit", { init_lora_weights: init }), encoder),
      refusal(/init_lora_weights .* changed the base weights too.*path_initial_model_for_weight_conversion/),
    );
  await assert.rejects(
    loadAdapter(changed("beit", { init_lora_weights: "loftq" }), encoder),
    refusal(/init_lora_weights \("loftq"\).*may have changed the base weights.*merge_and_unload/),
  );
  const original = await loadAdapter(join(fixtures, "beit", "adapter"), encoder);
  for (const init of ["gaussian", "eva", "orthogonal", "mica", false]) {
    const { parameters } = await loadAdapter(changed("beit", { init_lora_weights: init }), encoder);
    assert.deepEqual(Object.keys(parameters), Object.keys(original.parameters));
  }
});

test("other kinds of adapters say whether they can be merged", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  for (const [config, message] of [
    [{ use_dora: true }, /use_dora .* merge it in Python, .*merge_and_unload\(\)/],
    [{ peft_type: "LOHA" }, /only LORA; merge it in Python/],
    [{ peft_type: "PROMPT_TUNING" }, /only LORA; no weights hold what it does/],
    [{ alora_invocation_tokens: [1] }, /acts on a part of a text alone/],
  ] as const)
    await assert.rejects(loadAdapter(changed("beit", config), encoder), refusal(message));
});

test("a projection that was saved whole is not adapted too", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  const module = "encoder.layer.1.attention.attention.value";
  const folder = changed("beit", { modules_to_save: ["classifier", module] }, (tensor) =>
    tensor.includes(module) ? undefined : tensor,
  );
  const path = join(folder, "adapter_model.safetensors");
  const saved = { shape: [32, 32], data: new Float32Array(1024).fill(0.5) };
  writeTensors(path, {
    ...(Object.fromEntries(readSafetensors(path).tensors) as Arrays),
    [`base_model.model.beit.${module}.weight`]: saved,
  });
  const { parameters } = await loadAdapter(folder, encoder);
  assert.ok(!Object.keys(parameters).some((name) => name.includes(module)));
  const layer = encoder.layer(1);
  await assertClose(layer.weights.get(`beit.${module}.weight`), tf.fill([32, 32], 0.5), 0);
});

test("the head of another class is passed over: the adapter serves for hidden states", async () => {
  const llama = await openEncoder(join(fixtures, "llama"));
  for (const config of [
    { task_type: "TOKEN_CLS" },
    { auto_mapping: { base_model_class: "LlamaForTokenClassification" } },
  ])
    assert.deepEqual((await loadAdapter(changed("llama", config), llama)).head, {});
  const causal = changed("llama", { modules_to_save: ["lm_head"], task_type: "CAUSAL_LM" }, (tensor) =>
    tensor.replace("score", "lm_head"),
  );
  assert.deepEqual((await loadAdapter(causal, llama)).head, {});
});

test("biases, embeddings or tokens that are not as the config says are refused", async () => {
  const beit = await openEncoder(around("beit_rectangular"));
  const llama = await openEncoder(around("llama_rope_llama3"));
  const edited = (name: string, config: object, edit: (arrays: Arrays) => void = () => {}) => {
    const folder = temporary();
    const { tensors } = readSafetensors(join(around(name), "adapter_model.safetensors"));
    const arrays = Object.fromEntries(tensors) as Arrays;
    edit(arrays);
    writeTensors(join(folder, "adapter_model.safetensors"), arrays);
    writeFileSync(
      join(folder, "adapter_config.json"),
      JSON.stringify({ ...configOf(around(name)), ...config }),
    );
    return folder;
  };
  const zeros = (...shape: number[]) => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  });
  const embedding = "base_model.model.model.embed_tokens.weight";
  for (const [folder, encoder, message] of [
    [
      edited("beit_rectangular/bias_lora_only", {}, (arrays) => {
        for (const name of Object.keys(arrays)) if (name.endsWith(".bias")) delete arrays[name];
      }),
      beit,
      /lacks tensor "beit\.encoder.*query\.bias", which was trained as bias \("lora_only"\) says.*"none" in adapter_config/,
    ],
    [
      edited("beit_rectangular/bias_all", { bias: "none" }),
      beit,
      /\.bias" belongs to none of target_modules/,
    ],
    [
      edited("llama_rope_llama3/embeddings_saved", {}, (arrays) => (arrays[embedding] = zeros(33, 32))),
      llama,
      /embeddings of 33 tokens, the encoder 32: .*resize_token_embeddings\(33\) merge it in Python/,
    ],
    [
      edited("llama_rope_llama3/embeddings_saved", { modules_to_save: ["embed_tokens", "score"] }),
      llama,
      /norm\.weight" belongs to none of .* modules_to_save/,
    ],
    [
      edited("llama_rope_llama3/tokens_trained", { trainable_token_indices: [1, 2] }),
      llama,
      /4 trained tokens do not fit/,
    ],
    [
      edited("llama_rope_llama3/tokens_trained", { trainable_token_indices: { lm_head: [1] } }),
      llama,
      /gives no ids of model\.embed_tokens/,
    ],
    [
      edited("llama_rope_llama3/embedding_targeted", {}, (arrays) => {
        arrays["base_model.model.model.embed_tokens.lora_embedding_B"] = zeros(16, 2);
      }),
      llama,
      /an update of \[16, 2\] \[2, 32\] does not fit weights of \[32, 32\]/,
    ],
  ] as const)
    await assert.rejects(loadAdapter(folder, encoder), refusal(message));
});

test("an adapter that lacks a tensor, has one too many, or is another encoder's is refused", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  const query = "base_model.model.beit.encoder.layer.1.attention.attention.query.lora_A.weight";
  for (const [folder, message] of [
    [changed("beit", {}, (tensor) => (tensor === query ? undefined : tensor)), /lacks tensor .*layer\.1/],
    [changed("beit", { r: 8 }), /\[4, 32\] where config\.json makes it \[8, 32\]/],
    [changed("beit", { target_modules: ["query"] }), /value\.lora_A\.weight" belongs to none of target_mod/],
    [changed("beit", { modules_to_save: null }), /"classifier\.bias" belongs to none .* modules_to_save/],
    [changed("beit", {}, (tensor) => tensor.slice(5)), /not named as peft does/],
    [join(fixtures, "llama", "adapter"), /lacks tensor "beit\.encoder/],
    [temporary(), /adapter_config\.json is missing/],
  ] as const)
    await assert.rejects(loadAdapter(folder, encoder), (error: Error) => {
      assert.ok(error instanceof UserError, error.stack);
      assert.match(error.message, message);
      return true;
    });
});

test("a newer name whose published one is the end of others stands for its own projections", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  const [form, parameters] = [
    { rank: 2, alpha: 2, scaling: "standard", targets: ["0.output.dense"] } as const,
    {},
  ];
  for (const [name, { shape }] of Object.entries(lowRankParameters(form, encoder.blueprint)))
    Object.assign(parameters, { [name]: tf.ones(shape) });
  const folder = temporary();
  await saveAdapter(folder, { form, parameters, head: {} }, encoder);
  const config = configOf(folder);
  const path = join(folder, "adapter_config.json");
  writeFileSync(path, JSON.stringify({ ...config, target_modules: ["layers.0.mlp.fc2"] }));
  const again = await loadAdapter(folder, encoder);
  assert.deepEqual(again.form.targets, ["beit.encoder.layer.0.output.dense"]);
  assert.deepEqual(Object.keys(again.parameters).sort(), Object.keys(parameters).sort());
  writeFileSync(path, JSON.stringify({ ...config, target_modules: ["fc3"] }));
  await assert.rejects(
    loadAdapter(folder, encoder),
    refusal(
      /adapter_config\.json: target_modules: no projection's name ends in "fc3": choose among attention/,
    ),
  );
});

test("an adapter that lies in no encoder's folder is refused", async () => {
  const folder = join(temporary(), "adapter");
  cpSync(join(fixtures, "beit", "adapter"), folder, { recursive: true });
  await assert.rejects(checkAdapterCase(folder), /lies in no folder of an encoder/);
});
