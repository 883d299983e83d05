import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "#src/backend/choose.js";
import { ablationMethods } from "#src/experiments/plan/ablations.js";
import { planCells } from "#src/experiments/plan/cells.js";
import { methods } from "#src/experiments/plan/methods.js";
import { presetAt } from "#src/experiments/plan/presets.js";
import { findTask, tasks } from "#src/experiments/plan/tasks.js";
import { refuse } from "#src/experiments/run/train-cell.js";
import { rowsInMemory } from "#src/features/rows.js";
import { relativeL2 } from "#src/parity/reference.js";
import { buildStages, Model } from "#src/models/model.js";
import type { Stage } from "#src/models/stages.js";
import { randomStream } from "#src/random.js";
import { AdamW } from "#src/training/adamw.js";
import { heapBytes, planPart, stepBytes, type StepSize } from "#src/training/memory.js";
import { train, trainStep, type LabelledStates, type TrainOptions } from "#src/training/train.js";
import { finished } from "../experiments/finished.js";
import { refusal } from "../support/files.js";

before(async () => {
  await chooseBackend("wasm", { threads: 2 });
});

/** Rows and ablations, LoRA apart, of a task at an encoder's size. */
function rows(task: string, layers: number, features: number) {
  const at = { layers, features, task };
  return [...methods, ...ablationMethods(at)]
    .filter(({ fineTuning, budget }) => !fineTuning && !budget)
    .map((method) => ({
      name: `${task}/${method.name}`,
      stages: method.layers
        ? [{ kind: "layers" as const, indices: [1, 2, 3] }, ...method.stages({ ...at, layers: 3 })]
        : method.stages(at),
    }));
}

function statesOf(layers: number, features: number, classes: number, items: number): LabelledStates {
  const random = randomStream(1, "states");
  const values = Float32Array.from({ length: items * layers * features }, () => random.normal());
  const examples = {
    read: rowsInMemory(values, layers * features),
    labels: Int32Array.from({ length: items }, (_, i) => i % classes),
  };
  return { layers, features, classes, train: examples, test: examples };
}

/** Most bytes of wasm's memory that were allocated at once while `run` ran, beyond those from before. */
async function peakOf(run: () => Promise<unknown>): Promise<number> {
  const { wasm } = tf.backend() as unknown as {
    wasm: { _malloc(bytes: number): number; _free(at: number): void };
  };
  wasm._free(wasm._malloc(8)); // puts the real one in its place
  const { _malloc: malloc, _free: free } = wasm;
  const sizes = new Map<number, number>();
  let [held, peak] = [0, 0];
  wasm._malloc = (bytes) => {
    const at = malloc(bytes);
    sizes.set(at, bytes);
    peak = Math.max(peak, (held += bytes));
    return at;
  };
  wasm._free = (at) => {
    held -= sizes.get(at) ?? 0;
    sizes.delete(at);
    free(at);
  };
  try {
    await run();
  } finally {
    Object.assign(wasm, { _malloc: malloc, _free: free });
  }
  return peak;
}

const loss = { kind: "cross-entropy" } as const;
const adam = { weightDecay: 0.01, clipNorm: 1000 };
const all = (items: number) => Int32Array.from({ length: items }, (_, i) => i);

async function oneStep(size: StepSize, data: LabelledStates): Promise<void> {
  const model = new Model({ ...size, seed: 1 });
  const optimiser = new AdamW(model.trainable, adam);
  tf.dispose({
    ...(await trainStep(model, model.trainable, optimiser, data, { loss }, 1e-2, all(size.batch))),
  });
  model.dispose();
  optimiser.dispose();
}

describe("the estimate of a step", () => {
  for (const [layers, features, hidden, batch] of [
    [24, 128, 32, 32],
    [12, 256, 96, 16],
  ] as const)
    test(`is near what wasm allocates, for every row at ${layers} × ${features} with ${hidden} channels`, async () => {
      const data = statesOf(layers, features, 4, batch);
      const found = new Map(
        tasks
          .flatMap(({ name }) => rows(name, layers, features))
          .map((row) => [JSON.stringify(row.stages), row]),
      );
      assert.ok(found.size >= 15);
      for (const { name, stages } of found.values()) {
        const size = { layers, features, hidden, classes: 4, stages, batch };
        await oneStep(size, data); // scratch of the kernels stays
        const ratio = (await peakOf(() => oneStep(size, data))) / stepBytes(size);
        assert.ok(ratio > 0.8 && ratio < 1.05, `${name}: ${ratio.toFixed(3)} of the estimate`);
      }
    });

  test("is of the whole batch for every cell of smoke, quick, small and base: their digits stay", () => {
    const info = (layers: number, features: number) => ({ layers, features, id: "made 0" });
    const shipped = info(12, 128);
    const base = { speech: info(12, 768), text: info(30, 576), vision: info(12, 768) };
    for (const [preset, infos] of [
      ...["smoke", "quick", "small"].map(
        (name) => [name, { speech: shipped, text: shipped, vision: shipped }] as const,
      ),
      ["base", base] as const,
    ])
      for (const { name, config, task } of planCells(presetAt(preset, true), infos, finished)) {
        if (config!.fineTuning) continue;
        const classes = findTask(task).classes.length;
        const size = { ...config!, hidden: config!.hidden!, ...infos[task as keyof typeof infos], classes };
        assert.equal(planPart(size), size.batch, `${preset}: ${name}`);
        assert.ok(stepBytes(size) < 5e8, `${preset}: ${name}`);
      }
  });

  test("holds every row of the paper's sizes with its whole batch", () => {
    for (const [task, layers, features] of [
      ["speech", 24, 1024],
      ["text", 40, 5120],
      ["vision", 24, 1024],
    ] as const)
      for (const { name, stages } of rows(task, layers, features)) {
        const classes = findTask(task).classes.length;
        assert.equal(planPart({ layers, features, hidden: 512, classes, stages, batch: 32 }), 32, name);
      }
  });
});

const small = { layers: 12, features: 64, hidden: 16, classes: 3, batch: 10 };
const stagesOf = (name: string) =>
  rows("text", small.layers, small.features).find((row) => row.name === `text/${name}`)!.stages;
/** A limit at which a batch of `small` needs parts. */
const tight = (stages: Stage[]) => heapBytes({ ...small, stages }, 4);

describe("a batch in parts", () => {
  test("goes in equal ones, as few as memory allows", () => {
    const size = { ...small, stages: stagesOf("daam-v1"), batch: 32 };
    assert.equal(planPart(size, heapBytes(size)), 32);
    assert.equal(planPart(size, heapBytes(size) - 1), 16);
    assert.equal(planPart(size, heapBytes(size, 15)), 11);
    assert.equal(planPart(size, heapBytes(size, 1)), 1);
  });

  test("is refused by rows that mix items, and by none that does not", () => {
    for (const { name, stages } of rows("text", small.layers, small.features)) {
      const modules = buildStages(stages, small);
      const x = tf.randomNormal<tf.Rank.R3>([5, small.layers, small.features], 0, 1, "float32", 3);
      const model = new Model({ ...small, stages, seed: 1 });
      const [alone, among] = tf.tidy(() => [
        model.forward(x.slice([2], [1]), true).dataSync<"float32">(),
        model.forward(x, true).slice([2], [1]).dataSync<"float32">(),
      ]);
      const mixes = relativeL2(alone, among) > 1e-4;
      assert.equal(
        modules.some(({ mixesItems }) => mixesItems),
        mixes,
        name,
      );
      tf.dispose(x);
      model.dispose();
    }
  });

  test("has the loss and the gradients of the whole batch, clipped once", async () => {
    const data = statesOf(small.layers, small.features, small.classes, small.batch);
    for (const { name, stages } of rows("text", small.layers, small.features)) {
      if (buildStages(stages, small).some(({ mixesItems }) => mixesItems)) continue;
      const model = new Model({ ...small, stages, seed: 1 });
      const run = async (part?: number) => {
        let gradients: number[] = [];
        let steps = 0;
        const optimiser = {
          step: (given: tf.Tensor[]) => {
            steps++;
            gradients = given.flatMap((gradient) => [...gradient.dataSync()]);
          },
        } as unknown as AdamW;
        const { losses } = await trainStep(
          model,
          model.trainable,
          optimiser,
          data,
          { loss, part },
          1,
          all(small.batch),
        );
        assert.equal(steps, 1);
        const mean = losses.reduce((sum, value) => sum + value.dataSync()[0]!, 0);
        tf.dispose(losses);
        return { mean, gradients };
      };
      const whole = await run();
      for (const part of [1, 4, 5]) {
        const { mean, gradients } = await run(part);
        assert.ok(Math.abs(mean - whole.mean) < 1e-6, name);
        const error = relativeL2(gradients, whole.gradients);
        assert.ok(error < 1e-5, `${name} in parts of ${part}: ${error}`);
      }
      model.dispose();
    }
  });

  test("trains and tests as the whole one does, and leaves nothing in memory", async () => {
    const data = statesOf(small.layers, small.features, small.classes, 24);
    for (const name of ["daam-v1", "mha-layers", "gqdaam"]) {
      const options: TrainOptions = {
        ...{ ...small, ...adam, loss, stages: stagesOf(name), seed: 1 },
        ...{ epochs: 3, learningRate: 1e-4 },
      };
      const { numTensors } = tf.memory();
      const whole = await train(data, options);
      const counts: number[] = [];
      const parts = await train(data, { ...options, memory: tight(options.stages) }, () =>
        counts.push(tf.memory().numTensors),
      );
      assert.equal(counts[2], counts[0], name);
      assert.equal(tf.memory().numTensors, numTensors, name);
      assert.deepEqual(parts.predictions, whole.predictions, name);
      parts.curve.forEach(({ trainLoss, testLoss }, i) => {
        assert.ok(Math.abs(trainLoss - whole.curve[i]!.trainLoss) < 1e-4, name);
        assert.ok(Math.abs(testLoss - whole.curve[i]!.testLoss) < 1e-4, name);
      });
      assert.notDeepEqual(parts.curve, whole.curve, `${name} was not taken in parts`);
    }
  });

  test("holds what was asked for, where the whole one holds more", async () => {
    const size = { ...small, features: 256, hidden: 96, batch: 16, stages: stagesOf("daam-v1") };
    const data = statesOf(size.layers, size.features, size.classes, size.batch);
    const options = { ...size, ...adam, loss, seed: 1, epochs: 1, learningRate: 1e-4 };
    const limit = heapBytes(size, 4);
    await train(data, options); // scratch of the kernels stays
    const whole = await peakOf(() => train(data, options));
    const parts = await peakOf(() => train(data, { ...options, memory: limit }));
    assert.ok(parts < 1.05 * limit && whole > 1.5 * limit, `${parts} and ${whole} of ${limit}`);
  });
});

describe("a step that memory does not hold is refused before it starts", () => {
  const large = { layers: 40, features: 5120, classes: 4, batch: 32 };

  test("where a stage mixes items, by its name", () => {
    const [mha] = rows("text", 40, 5120).filter(({ name }) => name === "text/mha-bn");
    assert.throws(
      () => planPart({ ...large, hidden: 2048, stages: mha!.stages }),
      refusal(
        /^a training step on hidden states of 40 × 5120 with 2048 channels, on all of its 32 items at once \(dot-product and batch-norm mix the items of a batch\), needs a heap of \d\.\d GB, and the backend has 4\.0 GB for it: set DAAM_BACKEND=tensorflow, or take fewer channels or a smaller batch$/,
      ),
    );
    const [layers] = rows("text", 40, 5120).filter(({ name }) => name === "text/mha-layers");
    assert.equal(planPart({ ...large, hidden: 2048, stages: layers!.stages }), 8);
  });

  test("where one item is too much", () =>
    assert.throws(
      () =>
        planPart({ ...large, hidden: 512, stages: [{ kind: "dot-product", heads: 8, over: "layers" }] }, 1e9),
      refusal(/on one item alone, needs a heap of [23]\.\d GB, and the backend has 1\.0 GB for it/),
    ));

  test("by training, with nothing left, and by a worker, which names the cell", async () => {
    const data = statesOf(small.layers, small.features, small.classes, small.batch);
    const { numTensors } = tf.memory();
    const stages = stagesOf("mha");
    const options = { ...small, ...adam, loss, stages, seed: 1, epochs: 1, learningRate: 1e-4 };
    await assert.rejects(
      train(data, { ...options, memory: tight(stages) }),
      refusal(/at once \(dot-product mix/),
    );
    assert.equal(tf.memory().numTensors, numTensors);
    const [cell] = planCells(presetAt("paper", false), { text: { ...large, id: "made 0" } }, finished);
    assert.throws(
      () => refuse!(cell!.name, { ...cell!.config!, hidden: 4096 }, large),
      refusal(/^text\/mha\/run-1: a training/),
    );
    refuse!(cell!.name, cell!.config!, large);
  });
});
