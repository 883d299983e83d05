import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { FineTuning } from "#src/adapters/fine-tuning.js";
import { adapt, endsIn } from "#src/adapters/low-rank.js";
import { loadAdapter, saveAdapter, type Adapter } from "#src/adapters/peft.js";
import { openEncoder, type Encoder, type EncoderInput } from "#src/encoders/encoder.js";
import { padIds } from "#src/encoders/text-input.js";
import { fineTune, FineTuner, type FineTuneOptions, type RawDataset } from "#src/training/fine-tune.js";
import type { Left } from "#src/training/learner.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";

const fixtures = "test/fixtures/reference";
/** WavLM and Llama without a head, BEiT with one of another size. */
const targets = {
  beit: ["query", "value"],
  llama: ["q_proj", "v_proj"],
  wavlm_large_style: ["q_proj", "v_proj"],
} as const;
type Name = keyof typeof targets;
const names = Object.keys(targets) as Name[];

const open = (name: Name) => openEncoder(join(fixtures, name), { resident: true });

const tuning = (name: Name, change: Partial<FineTuning> = {}): FineTuning => ({
  form: { rank: 4, alpha: 16, scaling: "standard", targets: targets[name] },
  acts: true,
  head: "whole",
  ratio: 1,
  ...change,
});

const options = (fineTuning: FineTuning, change: Partial<FineTuneOptions> = {}): FineTuneOptions => ({
  fineTuning,
  epochs: 2,
  batch: 2,
  learningRate: 1e-2,
  weightDecay: 0,
  loss: { kind: "cross-entropy" },
  seed: 1,
  ...change,
});

/** Six made-up items of three classes; texts are of different lengths. */
function made(encoder: Encoder): RawDataset {
  const read = (items: Int32Array): EncoderInput => {
    if (encoder.modality === "text")
      return padIds(
        Array.from(items, (item) => Array.from({ length: 3 + item }, (_, i) => (7 * i + item) % 40)),
      );
    const shape = encoder.modality === "audio" ? [600] : imageShape(encoder);
    const size = shape.reduce((a, b) => a * b, 1);
    const data = new Float32Array(items.length * size);
    items.forEach((item, i) => {
      const values = normal([size], item + 1);
      data.set(values.dataSync(), i * size);
      values.dispose();
    });
    return { values: { shape: [items.length, ...shape], dtype: "float32", data } };
  };
  const labels = Int32Array.of(0, 1, 2, 0, 1, 2);
  return { classes: 3, train: { read, labels }, test: { read, labels } };
}

const labelsOf = ({ train }: RawDataset) => tf.tensor1d([...train.labels], "int32");

function imageShape({ folder }: Encoder): number[] {
  return folder.endsWith("beit") ? [3, 32, 32] : [];
}

const values = async (part: Record<string, tf.Tensor>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(part).map(async ([name, t]) => [name, (await t.data()).slice()] as const),
    ),
  );
const all = Int32Array.of(0, 1, 2, 3, 4, 5);

/** The one loss of a batch; frees what the batch left. */
async function valueOf(left: Left): Promise<number> {
  const [value] = await left.losses[0]!.data();
  tf.dispose({ ...left });
  return value!;
}

onEveryBackend("fine-tuning", () => {
  for (const name of names) {
    test(`${name}: layers computed again give the gradients of layers kept`, async () => {
      const encoder = await open(name);
      const data = made(encoder);
      const gradientsOf = (keptNumbers: number) => {
        const tuner = new FineTuner(encoder, data, options(tuning(name), { keptNumbers }));
        for (const [key, b] of Object.entries(tuner.update))
          if (key.endsWith("lora_B.weight")) b.assign(normal(b.shape as [number], 5).mul(0.1));
        const state = tuner.stateBelow(data.train, all);
        const { loss, gradients } = tuner.gradients(state, labelsOf(data));
        const named = Object.entries({ ...tuner.update, ...tuner.head });
        return { loss, by: new Map(named.map(([key, variable]) => [key, gradients.get(variable)!])) };
      };
      const [kept, again] = [gradientsOf(Infinity), gradientsOf(1)];
      await assertClose(again.loss, kept.loss, 1e-6);
      assert.ok(kept.by.size > 4 * encoder.layers);
      for (const [key, gradient] of kept.by) {
        await assertClose(again.by.get(key)!, gradient);
        assert.ok((await gradient.abs().max().data())[0]! > 0, key);
      }
      encoder.dispose();
    });

    test(`${name}: what lies below the first adapted layer is computed once, and gradients are those of the whole`, async () => {
      const encoder = await open(name);
      const data = made(encoder);
      const needs = Object.keys(encoder.blueprint.layer(encoder.layers - 1).needs);
      const upper = needs
        .map((need) => need.replace(/\.weight$/, ""))
        .filter((projection) => targets[name].some((target) => endsIn(projection, target)));
      const tunerOf = (adapted: readonly string[]) => {
        const form = { ...tuning(name).form, targets: adapted };
        const tuner = new FineTuner(encoder, data, options(tuning(name, { form })));
        for (const [i, projection] of upper.entries())
          for (const [j, factor] of ["lora_A", "lora_B"].entries()) {
            const variable = tuner.update[`${projection}.${factor}.weight`]!;
            variable.assign(normal(variable.shape as [number], 1 + 2 * i + j).mul(0.1));
          }
        return tuner;
      };
      const gradientsOf = (tuner: FineTuner) =>
        tuner.gradients(tuner.stateBelow(data.train, all), labelsOf(data)).gradients;
      const [whole, above] = [tunerOf(targets[name]), tunerOf(upper)];
      const expected = gradientsOf(whole);
      const used: number[] = [];
      const layer = encoder.layer.bind(encoder);
      encoder.layer = (index) => {
        used.push(index);
        return layer(index);
      };
      for (const times of ["once", "again"]) {
        used.length = 0;
        const found = gradientsOf(above);
        assert.equal(used.includes(0), times === "once");
        for (const part of ["update", "head"] as const)
          for (const [key, variable] of Object.entries(above[part]))
            await assertClose(found.get(variable)!, expected.get(whole[part][key]!)!, 1e-5);
      }
      assert.equal(Object.keys(above.update).length, 2 * upper.length);
      encoder.dispose();
    });

    test(`${name}: as drawn, an update changes nothing, and what is kept is what is computed`, async () => {
      const encoder = await open(name);
      const losses: number[] = [];
      for (const acts of [true, false]) {
        const tuner = new FineTuner(encoder, made(encoder), options(tuning(name, { acts })));
        for (let time = 0; time < 2; time++) losses.push(await valueOf(await tuner.test(all)));
        tuner.dispose();
      }
      assert.equal(losses[0], losses[2]);
      for (const loss of losses) assert.ok(Math.abs(loss - losses[0]!) < 1e-6, losses.join());
      encoder.dispose();
    });

    test(`${name}: training leaks nothing and moves no frozen weight`, async () => {
      const encoder = await open(name);
      const tuner = new FineTuner(encoder, made(encoder), options(tuning(name), { keptNumbers: 1 }));
      const frozen = () =>
        Promise.all(
          Array.from({ length: encoder.layers }, (_, i) =>
            values(Object.fromEntries(encoder.layer(i).weights.tensors)),
          ),
        );
      const before = await frozen();
      const first = await valueOf(await tuner.step(all, 1e-2));
      const { numTensors } = tf.memory();
      let last = first;
      for (let step = 1; step < 8; step++) last = await valueOf(await tuner.step(all, 1e-2));
      await valueOf(await tuner.test(all));
      assert.equal(tf.memory().numTensors, numTensors);
      assert.ok(last < first, `loss ${first} → ${last}`);
      assert.deepEqual(await frozen(), before);
      tuner.dispose();
      encoder.dispose();
    });
  }

  test("B learns as many times as fast as A and the head as LoRA+ is told", async () => {
    const encoder = await open("beit");
    for (const ratio of [1, 16]) {
      const tuner = new FineTuner(encoder, made(encoder), options(tuning("beit", { ratio })));
      const head = await values(tuner.head);
      await tuner.step(all, 1e-3);
      const furthest = (now: ArrayLike<number>, was?: ArrayLike<number>) =>
        Array.from(now, (value, i) => Math.abs(value - (was?.[i] ?? 0))).reduce((a, b) => Math.max(a, b));
      // the first step of Adam moves every number by the rate, whatever its gradient
      for (const [key, now] of Object.entries(await values(tuner.update)))
        if (key.endsWith("lora_B.weight"))
          assert.ok(Math.abs(furthest(now) / (1e-3 * ratio) - 1) < 1e-2, key);
      for (const [key, now] of Object.entries(await values(tuner.head)))
        assert.ok(Math.abs(furthest(now, head[key]) / 1e-3 - 1) < 1e-2, key);
      tuner.dispose();
    }
    encoder.dispose();
  });

  test("what of the head is frozen stays as it was drawn, and what does not act is never there", async () => {
    const encoder = await open("wavlm_large_style");
    for (const [head, moving] of [
      ["classifier", ["classifier.weight", "classifier.bias"]],
      ["frozen", []],
    ] as const) {
      const tuner = new FineTuner(
        encoder,
        made(encoder),
        options(tuning("wavlm_large_style", { head, acts: false, ratio: 2 })),
      );
      const before = await values(tuner.head);
      for (let step = 0; step < 3; step++) await tuner.step(all, 1e-2);
      const after = await values(tuner.head);
      const moved = Object.keys(after).filter((key) => !after[key]!.every((v, i) => v === before[key]![i]));
      assert.deepEqual(moved.sort(), [...moving].sort());
      assert.deepEqual(tuner.update, {});
      tuner.dispose();
    }
    encoder.dispose();
  });

  for (const name of ["beit", "llama"] as const)
    test(`${name}: a saved adapter whose new head was frozen gives the logits of its fine-tuning`, async () => {
      const encoder = await open(name);
      const data = made(encoder);
      const published = { head: "frozen", form: { ...tuning(name).form, scaling: "published" } } as const;
      const tuner = new FineTuner(encoder, data, options(tuning(name, published)));
      await tuner.step(all, 1e-2);
      const folder = mkdtempSync(join(tmpdir(), "fine-tune-"));
      await saveAdapter(folder, tuner.adapter, encoder);
      const loaded = await loadAdapter(folder, encoder);
      const { context, hidden } = encoder.embed(data.test.read(all));
      const logits = ({ head, ...update }: Adapter) => {
        let last = hidden;
        for (let i = 0; i < encoder.layers; i++)
          last = encoder.layer(i).apply({ context, hidden: last }, adapt(update));
        return encoder.logits({ context, hidden: last }, head);
      };
      assert.deepEqual(Object.keys(loaded.head).sort(), Object.keys(tuner.head).sort());
      assert.deepEqual(logits(loaded).shape, [6, 3]);
      await assertClose(logits(loaded), logits(tuner.adapter), 1e-6);
      tuner.dispose();
      encoder.dispose();
      rmSync(folder, { recursive: true });
    });

  test("a fine-tuning is told epoch by epoch and hands over its adapter", async () => {
    const encoder = await open("llama");
    const epochs: number[] = [];
    let shapes: number[][] = [];
    const learned = await fineTune(encoder, made(encoder), options(tuning("llama")), {
      onEpoch: ({ epoch, learningRate }) => epochs.push(epoch, learningRate),
      finished: async ({ parameters, head }) => {
        shapes = [...Object.values(parameters), ...Object.values(head)].map(({ shape }) => shape);
      },
    });
    assert.deepEqual(epochs, [1, 1e-2, 2, 1e-2]);
    assert.equal(learned.predictions.last.length, 6);
    assert.equal(shapes.length, 4 * encoder.layers + 1);
    assert.deepEqual(shapes.at(-1), [3, encoder.features]);
    encoder.dispose();
  });
});
