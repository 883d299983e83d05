import { permutation, randomStream } from "../random.js";
import type { LossSpec } from "./losses.js";
import { confusionMatrix, scores } from "./metrics.js";
import { PlateauSchedule } from "./schedule.js";

/** One epoch: losses are means over items, scores are of the test items, in 0–1. */
export interface EpochRecord {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  testLoss: number;
  accuracy: number;
  macroF1: number;
  unweightedRecall: number;
}

/** What is trained batch by batch; items are positions among the training or test items. */
export interface Learner {
  /** One step; returns the batch's mean loss before it. */
  step(items: Int32Array, learningRate: number): Promise<number>;
  /** Predicted classes of a batch of test items, and its mean loss. */
  test(items: Int32Array): Promise<{ classes: ArrayLike<number>; loss: number }>;
}

/** What a training is told, whatever it trains. */
export interface CourseOptions {
  epochs: number;
  batch: number;
  learningRate: number;
  weightDecay: number;
  /** No clipping where it is left out. */
  clipNorm?: number;
  loss: LossSpec;
  /** Names three independent streams: order of the batches, and initial values of what is trained in two parts. */
  seed: number;
}

export interface Course extends Pick<CourseOptions, "epochs" | "batch" | "learningRate" | "seed"> {
  trainItems: number;
  /** Classes of the test items. */
  testLabels: Int32Array;
  classes: number;
  /** Epochs without a better accuracy after which the rate falls to a tenth; 10 when left out, `Infinity` for a constant rate. */
  patience?: number;
}

export interface Learned {
  curve: EpochRecord[];
  /** The epoch of highest test accuracy (the first of equals), as the paper reports, and the last one. */
  best: EpochRecord;
  last: EpochRecord;
  /** Predicted class of every test item, in file order. */
  predictions: { best: Int32Array; last: Int32Array };
}

/**
 * Test items are visited in this order whatever the cell: attention over the batch depends on it, and in file order a batch
 * is mostly of one class.
 */
export const testOrder = (n: number) => permutation(n, randomStream(0, "test order"));

export function* batches(order: Int32Array, size: number): Generator<Int32Array> {
  for (let at = 0; at < order.length; at += size) yield order.subarray(at, at + size);
}

/**
 * Trains for some epochs and tests after each.
 * @param onEpoch told of each finished epoch
 */
export async function runEpochs(
  learner: Learner,
  { trainItems, testLabels, classes, epochs, batch, seed, ...rates }: Course,
  onEpoch?: (record: EpochRecord) => void,
): Promise<Learned> {
  const schedule = new PlateauSchedule(rates.learningRate, 0.1, rates.patience);
  const order = randomStream(seed, "order");
  const curve: EpochRecord[] = [];
  let best: { record: EpochRecord; predictions: Int32Array } | undefined;
  let predictions = new Int32Array();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const { learningRate } = schedule;
    let sum = 0;
    for (const items of batches(permutation(trainItems, order), batch))
      sum += (await learner.step(items, learningRate)) * items.length;
    const test = await evaluate(learner, testLabels.length, batch);
    ({ predictions } = test);
    const record: EpochRecord = {
      epoch,
      learningRate,
      trainLoss: sum / trainItems,
      testLoss: test.loss,
      ...scores(confusionMatrix(testLabels, predictions, classes)),
    };
    curve.push(record);
    if (!best || record.accuracy > best.record.accuracy) best = { record, predictions };
    schedule.update(record.accuracy);
    onEpoch?.(record);
  }
  return {
    curve,
    best: best!.record,
    last: curve.at(-1)!,
    predictions: { best: best!.predictions, last: predictions },
  };
}

/** Tests all of `n` items: their predicted classes in file order, and the mean loss. */
export async function evaluate(learner: Pick<Learner, "test">, n: number, batch: number) {
  const predictions = new Int32Array(n);
  let sum = 0;
  for (const items of batches(testOrder(n), batch)) {
    const { classes, loss } = await learner.test(items);
    items.forEach((item, i) => (predictions[item] = classes[i]!));
    sum += loss * items.length;
  }
  return { predictions, loss: sum / n };
}
