import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openEncoder } from "#src/encoders/encoder.js";
import { padIds } from "#src/encoders/text-input.js";
import { Stopped } from "#src/errors.js";
import { rowsInMemory } from "#src/features/rows.js";
import type { Stage } from "#src/models/stages.js";
import { randomStream } from "#src/random.js";
import { Checkpoint, millisecondsBetween, type CheckpointOptions } from "#src/training/checkpoint.js";
import type { Learner, Stand } from "#src/training/learner.js";
import { fineTune, type FineTuneOptions, type RawDataset } from "#src/training/fine-tune.js";
import { train, type LabelledStates, type TrainOptions } from "#src/training/train.js";
import { onEveryBackend } from "../support/backends.js";
import { freshFolder, refusal } from "../support/files.js";

/** Is told to stop after so many batches. */
class Interrupted extends Checkpoint {
  constructor(
    path: string,
    private left: number,
  ) {
    super(path, settings());
  }

  override offer(learner: Learner, stand: Stand): Promise<void> {
    if (--this.left === 0) this.stop();
    return super.offer(learner, stand);
  }
}

const settings = (change: Partial<CheckpointOptions> = {}): CheckpointOptions => ({
  name: "text/mha/run-1",
  key: "one configuration",
  every: Infinity,
  ...change,
});

const examples = (n: number, seed: number) => {
  const random = randomStream(seed, "data");
  const labels = Int32Array.from({ length: n }, (_, i) => i % 3);
  const states = Float32Array.from(
    { length: n * 48 },
    (_, i) => random.normal() + labels[Math.floor(i / 48)]!,
  );
  return { read: rowsInMemory(states, 48), labels };
};
const data: LabelledStates = {
  layers: 3,
  features: 16,
  classes: 3,
  train: examples(20, 1),
  test: examples(13, 2),
  shifted: { sets: { clean: examples(9, 3) } },
};
const options = (stages: Stage[]): TrainOptions => ({
  stages,
  hidden: 4,
  epochs: 3,
  batch: 8,
  learningRate: 1e-2,
  weightDecay: 0.01,
  clipNorm: 1,
  loss: { kind: "cross-entropy" },
  seed: 7,
});
const models: Record<string, Stage[]> = {
  DAAM: [{ kind: "density", heads: 1 }],
  "MHA and batch norm": [{ kind: "dot-product", heads: 2, over: "batch" }, { kind: "batch-norm" }],
};
/** An epoch of these items is three batches of training, two of testing, and its end. */
const stops = { "in an epoch": 2, "in a test": 10, "between epochs": 12, "when all are through": 18 };

/** Trains up to a stop. @returns the path of what it leaves */
async function interrupted(stages: Stage[], after: number): Promise<string> {
  const path = join(freshFolder(), "cell.safetensors");
  const begun = train(data, options(stages), undefined, new Interrupted(path, after));
  await assert.rejects(begun, Stopped);
  return path;
}

onEveryBackend("a training that goes on from a checkpoint", () => {
  for (const [name, stages] of Object.entries(models))
    test(`${name}: is the undisturbed one, bit for bit, wherever it stopped`, async () => {
      const whole = await train(data, options(stages));
      for (const [where, after] of Object.entries(stops)) {
        const path = await interrupted(stages, after);
        const told: number[] = [];
        const resumed = new Checkpoint(path, settings());
        const outcome = await train(data, options(stages), ({ epoch }) => told.push(epoch), resumed);
        assert.deepEqual(outcome, whole, where);
        const passed = Math.floor(after / 6);
        assert.deepEqual(
          told,
          [1, 2, 3].filter((epoch) => epoch >= passed),
        );
        resumed.remove();
        assert.ok(!existsSync(path));
      }
    });

  test("LoRA: the same, with hidden states kept below the first adapted layer", async () => {
    const encoder = await openEncoder("test/fixtures/reference/llama", { resident: true });
    const read = (items: Int32Array) =>
      padIds(Array.from(items, (item) => Array.from({ length: 3 + item }, (_, i) => (7 * i + item) % 40)));
    const labels = Int32Array.of(0, 1, 2, 0, 1, 2);
    const raw: RawDataset = { classes: 3, train: { read, labels }, test: { read, labels } };
    const tuning: FineTuneOptions = {
      fineTuning: {
        form: {
          rank: 4,
          alpha: 16,
          scaling: "standard",
          targets: [`layers.${encoder.layers - 1}.self_attn.q_proj`],
        },
        acts: true,
        head: "whole",
        ratio: 4,
      },
      epochs: 2,
      batch: 4,
      learningRate: 1e-2,
      weightDecay: 0,
      loss: { kind: "cross-entropy" },
      seed: 1,
    };
    const run = async (checkpoint?: Checkpoint) => {
      const adapter: Record<string, Float32Array> = {};
      const learned = await fineTune(encoder, raw, tuning, {
        checkpoint,
        finished: async ({ parameters, head }) => {
          for (const [name, tensor] of Object.entries({ ...parameters, ...head }))
            adapter[name] = (await tensor.data<"float32">()).slice();
        },
      });
      return { learned, adapter };
    };
    const whole = await run();
    assert.ok(Object.keys(whole.adapter).some((name) => name.endsWith("lora_B.weight")));
    for (const after of [1, 4, 6]) {
      const path = join(freshFolder(), "cell.safetensors");
      await assert.rejects(run(new Interrupted(path, after)), Stopped);
      assert.deepEqual(await run(new Checkpoint(path, settings())), whole, `after ${after} batches`);
    }
    encoder.dispose();
  });
});

onEveryBackend("a checkpoint", () => {
  const stages = models.DAAM!;

  test("that is damaged or of another configuration is named, and the training begins anew", async () => {
    const whole = await train(data, options(stages));
    const path = await interrupted(stages, 2);
    const good = readFileSync(path);
    const flipped = Buffer.from(good);
    flipped[flipped.length - 3]! ^= 1;
    const cases: [Buffer, string, RegExp][] = [
      [
        flipped,
        "one configuration",
        /cell\.safetensors is damaged: text\/mha\/run-1 is trained from its start/,
      ],
      [good.subarray(0, -5), "one configuration", /truncated.*trained from its start/],
      [good, "another", /is of another configuration, backend or version: text\/mha/],
    ];
    for (const [bytes, key, line] of cases) {
      writeFileSync(path, bytes);
      const said: string[] = [];
      const checkpoint = new Checkpoint(path, settings({ key, warn: (line) => said.push(line) }));
      assert.deepEqual(await train(data, options(stages), undefined, checkpoint), whole);
      assert.equal(said.length, 1);
      assert.match(said[0]!, line);
      assert.ok(!existsSync(path));
    }
  });

  test("is written whenever its time has come, and one that cannot be written costs no training", async () => {
    const folder = freshFolder();
    const said: string[] = [];
    const often = (path: string) =>
      new Checkpoint(path, settings({ every: 0, warn: (line) => said.push(line) }));
    await train(data, options(stages), undefined, often(join(folder, "cell.safetensors")));
    assert.deepEqual([readdirSync(folder), said], [["cell.safetensors"], []]);
    await train(data, options(stages), undefined, often(join(folder, "cell.safetensors", "below")));
    assert.equal(said.length, 18);
    assert.match(said[0]!, /cannot write .*trained on without a checkpoint/);
  });
});

test("the seconds between two checkpoints are a number", () => {
  assert.equal(millisecondsBetween("1.5"), 1500);
  assert.ok(millisecondsBetween(undefined) >= 60_000);
  for (const text of ["", "soon", "-1"])
    assert.throws(() => millisecondsBetween(text), refusal(/DAAM_CHECKPOINT_SECONDS=.*give the seconds/));
});
