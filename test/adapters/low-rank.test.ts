import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { adapt, lowRankParameters, merge, type LowRankForm } from "#src/adapters/low-rank.js";
import { Config } from "#src/encoders/config.js";
import { openEncoder, type Adapt, type Encoder, type EncoderInput } from "#src/encoders/encoder.js";
import { architectures } from "#src/encoders/registry.js";
import { initialise } from "#src/parameters.js";
import { inputOf } from "#src/parity/encoders.js";
import { Reference } from "#src/parity/reference.js";
import { randomStream } from "#src/random.js";
import { AdamW } from "#src/training/adamw.js";
import { lossOf } from "#src/training/losses.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";

const fixtures = "test/fixtures/reference";
const standard = { rank: 4, alpha: 16, scaling: "standard" } as const;
/** Query and value, on which an update acts by default, in each architecture. */
const targets: Record<string, string[]> = {
  beit: ["query", "value"],
  llama_sharded: ["q_proj", "v_proj"],
  wavlm_large_style: ["q_proj", "v_proj"],
  wavlm_base_style: ["q_proj", "v_proj"],
};

const open = (name: string) => openEncoder(join(fixtures, name), { resident: true });
/** The reference's batch; of recordings the beginning of the first, which is quicker. */
function inputs(encoder: Encoder): EncoderInput {
  const input = inputOf(new Reference(join(encoder.folder, "expected.safetensors")), encoder);
  if (encoder.modality !== "audio") return input;
  return { values: { ...input.values, shape: [1, 600], data: input.values.data.subarray(0, 600) } };
}

function lastState(encoder: Encoder, hook?: Adapt, { context, hidden } = encoder.embed(inputs(encoder))) {
  const layers = Array.from({ length: encoder.layers }, (_, i) => encoder.layer(i));
  const last = layers.reduce((x, layer) => layer.apply({ context, hidden: x }, hook), hidden);
  return { context, hidden: last };
}

function drawn(encoder: Encoder, form: LowRankForm): Record<string, tf.Variable> {
  const random = randomStream(0, "adapter");
  const specs = Object.entries(lowRankParameters(form, encoder.blueprint));
  return Object.fromEntries(specs.map(([name, spec]) => [name, initialise(spec, random)]));
}

onEveryBackend("low-rank updates", () => {
  for (const [name, ends] of Object.entries(targets)) {
    const form = { ...standard, targets: ends };

    test(`${name}: as drawn, with B = 0, an update gives the frozen model, bit for bit`, async () => {
      const encoder = await open(name);
      const update = { form, parameters: drawn(encoder, form) };
      const frozen = await encoder.logits(lastState(encoder)).data();
      assert.deepEqual(await encoder.logits(lastState(encoder, adapt(update))).data(), frozen);
      for (let i = 0; i < encoder.layers; i++) merge(update, encoder.layer(i).weights);
      assert.deepEqual(await encoder.logits(lastState(encoder)).data(), frozen);
      encoder.dispose();
    });

    test(`${name}: merged into the weights it is what it is beside them, in each scaling`, async () => {
      for (const scaling of ["standard", "rank-stabilised", "published"] as const) {
        const encoder = await open(name);
        const parameters = Object.fromEntries(
          Object.entries(lowRankParameters(form, encoder.blueprint)).map(([key, { shape }], i) => [
            key,
            normal(shape as [number], i).mul(0.05),
          ]),
        );
        const update = { form: { ...form, scaling }, parameters };
        const frozen = lastState(encoder).hidden;
        const unmerged = lastState(encoder, adapt(update)).hidden;
        for (let i = 0; i < encoder.layers; i++) merge(update, encoder.layer(i).weights);
        await assertClose(lastState(encoder).hidden, unmerged, 1e-5);
        await assert.rejects(assertClose(frozen, unmerged, 1e-3)); // it acts, on WavLM too
        encoder.dispose();
      }
    });

    test(`${name}: 20 steps of training move A, B and the head, and no frozen weight`, async () => {
      const encoder = await open(name);
      const update = { form, parameters: drawn(encoder, form) };
      const random = randomStream(0, "head");
      const head = Object.fromEntries(
        Object.entries(encoder.blueprint.head(3).needs).map(([key, { shape }]) => {
          const initial = { kind: "normal", sd: 0.02 } as const;
          return [key, initialise({ shape, initial, trainable: true }, random)];
        }),
      );
      const trained = { ...update.parameters, ...head };
      const variables = Object.values(trained);
      const before = await Promise.all(variables.map((variable) => variable.data()));
      const frozen = Array.from({ length: encoder.layers }, (_, i) => encoder.layer(i).weights.tensors);
      const values = () =>
        Promise.all(frozen.flatMap((tensors) => [...tensors.values()].map((tensor) => tensor.data())));
      const was = (await values()).map((data) => data.slice());
      const embedded = encoder.embed(inputs(encoder));
      const batch = embedded.hidden.shape[0];
      const labels = tf.tensor1d(
        Array.from({ length: batch }, (_, i) => i % 3),
        "int32",
      );
      const optimiser = new AdamW(variables, { weightDecay: 0 });
      const losses: number[] = [];
      for (let step = 0; step < 20; step++) {
        const { value, grads } = tf.variableGrads(
          () =>
            lossOf(
              { kind: "cross-entropy" },
              encoder.logits(lastState(encoder, adapt(update), embedded), head),
              labels,
            ),
          variables,
        );
        losses.push((await value.data())[0]!);
        optimiser.step(
          variables.map((variable) => grads[variable.name]!),
          1e-2,
        );
        tf.dispose([value, grads]);
      }
      assert.ok(losses.at(-1)! < losses[0]!, `loss ${losses[0]} → ${losses.at(-1)}`);
      assert.deepEqual(await values(), was);
      for (const [i, key] of Object.keys(trained).entries())
        assert.notDeepEqual(await variables[i]!.data(), before[i], key);
      optimiser.dispose();
      encoder.dispose();
    });
  }

  test("a head of a new size reads what the checkpoint's reads", async () => {
    const encoder = await open("beit");
    const state = lastState(encoder);
    const head = { "classifier.weight": normal([7, encoder.features], 1), "classifier.bias": normal([7], 2) };
    const pooled = encoder.pool(state);
    const expected = pooled.matMul(head["classifier.weight"], false, true).add(head["classifier.bias"]);
    await assertClose(encoder.logits(state, head), expected);
    encoder.dispose();
  });
});

test("an update has the trainable parameters that the paper's shapes make", () => {
  const large = {
    hidden_size: 1024,
    num_attention_heads: 16,
    num_hidden_layers: 24,
    intermediate_size: 4096,
  };
  const llama = {
    hidden_size: 5120,
    num_attention_heads: 40,
    num_hidden_layers: 40,
    intermediate_size: 13824,
    vocab_size: 32000,
  };
  const convolutions = { conv_dim: [512], conv_kernel: [10], conv_stride: [5] };
  // the figures are those of the published models' shapes: 2 projections · layers · rank · (in + out)
  for (const [type, fields, ends, counts] of [
    ["wavlm", { ...large, ...convolutions }, ["q_proj", "v_proj"], [393_216, 786_432]],
    ["beit", large, ["query", "value"], [393_216, 786_432]],
    ["llama", llama, ["q_proj", "v_proj"], [3_276_800, 6_553_600]],
  ] as const) {
    const blueprint = architectures[type]!.blueprint(new Config("config.json", fields));
    const count = (rank: number) =>
      Object.values(lowRankParameters({ ...standard, rank, targets: ends }, blueprint))
        .map(({ shape }) => shape[0]! * shape[1]!)
        .reduce((a, b) => a + b);
    assert.deepEqual([count(4), count(8)], counts, type);
  }
});

test("A starts as each form has it, B at 0", async () => {
  const encoder = await openEncoder(join(fixtures, "beit"));
  const at = "beit.encoder.layer.0.attention.attention.query";
  const initials = (scaling: LowRankForm["scaling"]) => {
    const specs = lowRankParameters({ ...standard, scaling, targets: ["query"] }, encoder.blueprint);
    assert.deepEqual(specs[`${at}.lora_B.weight`]!.initial, { kind: "constant", value: 0 });
    return specs[`${at}.lora_A.weight`]!.initial;
  };
  assert.deepEqual(initials("published"), { kind: "normal", sd: 0.5 }); // variance 1 / 4
  for (const scaling of ["standard", "rank-stabilised"] as const)
    assert.deepEqual(initials(scaling), { kind: "uniform", bound: 1 / Math.sqrt(32) });
});

test("a target is the end of a name, whole parts of it; one that fits nothing is refused", async () => {
  const encoder = await openEncoder(join(fixtures, "wavlm_large_style"));
  const names = (target: string) =>
    Object.keys(lowRankParameters({ ...standard, targets: [target] }, encoder.blueprint));
  assert.equal(names("attention.q_proj").length, 2 * encoder.layers);
  assert.equal(names("wavlm.encoder.layers.2.attention.q_proj").length, 2);
  // WavLM's gate is kept in a form that no update fits
  for (const target of ["proj", "query", "gru_rel_pos_linear"])
    assert.throws(() => names(target), /no projection's name ends in .*: choose among attention\.q_proj/);
});
