import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { rowsInMemory } from "#src/features/rows.js";
import { permutation, randomStream } from "#src/random.js";
import { AdamW } from "#src/training/adamw.js";
import { batches, inTurn } from "#src/training/epochs.js";
import { lossOf } from "#src/training/losses.js";
import { confusionMatrix, scores } from "#src/training/metrics.js";
import { PlateauSchedule } from "#src/training/schedule.js";
import { train, type LabelledStates, type TrainOptions } from "#src/training/train.js";
import { onEveryBackend, onSoftwareToo } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";

test("streams of a seed are independent, repeatable permutations cover everything", () => {
  const draw = (name: string) => permutation(20, randomStream(3, name));
  assert.deepEqual(draw("order"), draw("order"));
  assert.notDeepEqual(draw("order"), draw("decoder"));
  assert.deepEqual(
    [...draw("order")].sort((a, b) => a - b),
    [...Array(20).keys()],
  );
});

test("the normal stream has mean 0 and variance 1", () => {
  const random = randomStream(1, "normal");
  const values = Array.from({ length: 20_000 }, () => random.normal());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${mean} ${variance}`);
});

onEveryBackend("losses", () => {
  const labels = () => tf.tensor1d([0, 2, 1, 1, 0], "int32");

  test("cross-entropy equals tfjs's own", async () => {
    const logits = normal<tf.Rank.R2>([5, 3], 1);
    const ours = lossOf({ kind: "cross-entropy" }, logits, labels());
    await assertClose(ours, tf.losses.softmaxCrossEntropy(tf.oneHot(labels(), 3), logits));
  });

  test("focal loss with γ = 0 and α = 1 is cross-entropy; gradients equal finite differences", async () => {
    const logits = normal<tf.Rank.R2>([5, 3], 1);
    const focal = lossOf({ kind: "focal", alpha: 1, gamma: 0 }, logits, labels());
    await assertClose(focal, lossOf({ kind: "cross-entropy" }, logits, labels()));
    for (const spec of [{ kind: "cross-entropy" }, { kind: "focal", alpha: 0.25, gamma: 2.5 }] as const) {
      await assertGradients((z) => lossOf(spec, z as tf.Tensor2D, labels()), [logits]);
    }
  });

  test("stay finite for logits that decide everything", async () => {
    const logits = tf.tensor2d([[1000, -1000, 0]]);
    for (const spec of [{ kind: "cross-entropy" }, { kind: "focal", alpha: 0.25, gamma: 2.5 }] as const) {
      for (const label of [0, 1]) {
        const { value, grad } = tf.valueAndGrad((z: tf.Tensor2D) =>
          lossOf(spec, z, tf.tensor1d([label], "int32")),
        )(logits);
        assert.ok(Number.isFinite((await value.data())[0]), `${spec.kind} ${label}`);
        assert.ok([...(await grad.data())].every(Number.isFinite), `${spec.kind} ${label}`);
      }
    }
  });
});

onSoftwareToo("AdamW", () => {
  test("clips the norm over all parameters together", async () => {
    const step = async (clipNorm?: number, scale = 1) => {
      const variables = [tf.variable(tf.zeros([2])), tf.variable(tf.zeros([1]))];
      // A large epsilon makes the step follow the gradient's size instead of its sign.
      const optimiser = new AdamW(variables, { weightDecay: 0, epsilon: 1e3, clipNorm });
      optimiser.step([tf.tensor1d([3 * scale, 0]), tf.tensor1d([4 * scale])], 1);
      const values = (await Promise.all(variables.map((v) => v.data()))).flatMap((v) => [...v]);
      optimiser.dispose();
      return values;
    };
    await assertClose(await step(1), await step(undefined, 1 / 5), 1e-4); // norm 5
    await assertClose(await step(10), await step(), 1e-6);
  });
});

test("the plateau schedule waits 10 epochs without progress, then divides by 10", () => {
  const schedule = new PlateauSchedule(1e-3);
  schedule.update(0.5);
  for (let epoch = 0; epoch < 10; epoch++) schedule.update(0.5);
  assert.equal(schedule.learningRate, 1e-3);
  schedule.update(0.50001); // below the relative threshold of 1e-4
  assert.ok(Math.abs(schedule.learningRate - 1e-4) < 1e-12);
  schedule.update(0.6);
  for (let epoch = 0; epoch < 10; epoch++) schedule.update(0.6);
  assert.ok(Math.abs(schedule.learningRate - 1e-4) < 1e-12);
});

test("scores by hand", () => {
  const confusion = confusionMatrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 0], 3);
  assert.deepEqual(confusion, [
    [2, 1, 0],
    [1, 1, 0],
    [1, 0, 0],
  ]);
  const { accuracy, macroF1, unweightedRecall } = scores(confusion);
  assert.equal(accuracy, 3 / 6);
  assert.ok(Math.abs(macroF1 - (4 / 7 + 2 / 4 + 0) / 3) < 1e-12);
  assert.ok(Math.abs(unweightedRecall - (2 / 3 + 1 / 2 + 0) / 3) < 1e-12);
});

/** Two classes that differ in the mean of one layer. */
function separable(n: number, seed: number) {
  const random = randomStream(seed, "data");
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  const hiddenStates = Float32Array.from({ length: n * 4 * 16 }, (_, i) => {
    const label = labels[Math.floor(i / 64)]!;
    return random.normal() + (Math.floor(i / 16) % 4 === 1 ? 2 * label - 1 : 0);
  });
  return { read: rowsInMemory(hiddenStates, 64), labels };
}
const data: LabelledStates = {
  layers: 4,
  features: 16,
  classes: 2,
  train: separable(64, 1),
  test: separable(21, 2),
};
const options: TrainOptions = {
  stages: [{ kind: "density", heads: 2 }],
  hidden: 4,
  epochs: 4,
  batch: 8,
  learningRate: 1e-2,
  weightDecay: 0.01,
  clipNorm: 1000,
  loss: { kind: "cross-entropy" },
  seed: 7,
};

onEveryBackend("training", () => {
  test("learns what can be learned, the same digits for the same seed", async () => {
    const [once, again] = [await train(data, options), await train(data, options)];
    assert.ok(once.best.accuracy > 0.8, `${once.best.accuracy}`);
    assert.deepEqual(once, again);
    assert.equal(once.best.accuracy, Math.max(...once.curve.map(({ accuracy }) => accuracy)));
    const hits = once.predictions.last.filter((k, i) => k === data.test.labels[i]).length;
    assert.equal(hits / 21, once.last.accuracy);
    const { attention, learned } = once;
    assert.equal(attention!.test.length, 4 * 16);
    assert.ok(attention!.test.every((w) => w > 0 && w <= 1));
    assert.ok(learned!.meanOffset[0] < 0 && learned!.meanOffset[1] > 0);
  });

  test("another seed gives other digits", async () => {
    const [a, b] = [await train(data, options), await train(data, { ...options, seed: 8 })];
    assert.notEqual(a.last.testLoss, b.last.testLoss);
  });

  test("as many density heads as layers equals no attention, bit for bit", async () => {
    // A head of one layer has no spread: z = −δ/sd, and its gradient at δ = 0 vanishes.
    const dense = await train(data, { ...options, stages: [{ kind: "density", heads: 4 }] });
    const none = await train(data, { ...options, stages: [] });
    assert.deepEqual(dense.curve, none.curve);
    assert.deepEqual(dense.predictions, none.predictions);
  });

  test("frozen parameters stay where they are", async () => {
    const outcome = await train(data, {
      ...options,
      stages: [{ kind: "density", heads: 2, train: ["meanOffset"] }],
    });
    assert.deepEqual(outcome.learned!.scaledVariance, [2, 2]);
    assert.notDeepEqual(outcome.learned!.meanOffset, [0, 0]);
  });

  test("tensors in memory are the same after the first and the third epoch, and none is left at the end", async () => {
    const before = tf.memory().numTensors;
    for (const stages of [
      options.stages,
      [{ kind: "dot-product", heads: 2, over: "batch" }, { kind: "batch-norm" }],
    ] as const) {
      const counts: number[] = [];
      await train(data, { ...options, stages: [...stages] }, () => counts.push(tf.memory().numTensors));
      assert.equal(counts[2], counts[0]);
      assert.equal(tf.memory().numTensors, before);
    }
  });
});

onSoftwareToo("a short training", () => {
  test("ends where that in plain JavaScript ends, and leaves no tensor", async () => {
    const few = { ...data, train: separable(20, 1), test: separable(9, 2) };
    const short = { ...options, hidden: 2, epochs: 1, learningRate: 1e-3 };
    const backend = tf.getBackend();
    const before = tf.memory().numTensors;
    const { last, predictions } = await train(few, short);
    assert.equal(tf.memory().numTensors, before);
    await tf.setBackend("cpu");
    const expected = await train(few, short);
    await tf.setBackend(backend);
    assert.deepEqual(predictions, expected.predictions);
    for (const loss of ["trainLoss", "testLoss"] as const)
      assert.ok(Math.abs(last[loss] - expected.last[loss]) < 1e-4, `${last[loss]} ${expected.last[loss]}`);
  });
});

test("results are the same however many batches are read together, and none is left", async () => {
  await tf.setBackend("cpu");
  const order = [
    ...batches(
      Int32Array.from({ length: 11 }, (_, i) => 10 - i),
      2,
    ),
  ];
  const before = tf.memory().numTensors;
  const results = async (together: number) => {
    const run = async (items: Int32Array) => ({
      losses: [tf.scalar(items[0]! / 4), tf.scalar(0.5)],
      classes: [tf.tensor1d(items, "int32")],
    });
    const all: unknown[] = [];
    const sizes: number[] = [];
    for await (const some of inTurn(order, run, together)) {
      all.push(...some);
      sizes.push(some.length);
    }
    return { all, sizes };
  };
  const [each, four] = [await results(1), await results(4)];
  assert.deepEqual(
    [each.sizes, four.sizes],
    [
      [1, 1, 1, 1, 1, 1],
      [4, 2],
    ],
  );
  assert.deepEqual(four.all, each.all);
  assert.deepEqual(
    four.all,
    order.map((items) => ({ items, loss: items[0]! / 4 + 0.5, classes: [...items] })),
  );
  assert.equal(tf.memory().numTensors, before);
});
