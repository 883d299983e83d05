import * as tf from "@tensorflow/tfjs";
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

/**
 * What is trained batch by batch; items are positions among the training or test items. What it computes stays on the device, so that the
 * next batch is sent while the last one runs; the caller reads and frees it. Losses of a batch, one for each part of it that is gone
 * through at once, are weighted by their items and add up to its mean.
 */
export interface Learner {
  /** One step; returns the losses before it. */
  step(items: Int32Array, learningRate: number): Promise<tf.Scalar[]>;
  /** Predicted classes of a batch of test items, int32, and its losses. */
  test(items: Int32Array): Promise<{ classes: tf.Tensor1D[]; losses: tf.Scalar[] }>;
}

/**
 * Batches whose results stay on the device before they are read. Backends whose kernels run at once have nothing to wait for, and what
 * stayed would lie between the tensors of WebAssembly's heap.
 */
const batchesTogether = () => (tf.getBackend() === "webgpu" ? 64 : 1);

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
    const steps = new Results();
    for (const items of batches(permutation(trainItems, order), batch))
      await steps.add({ losses: await learner.step(items, learningRate), items: items.length });
    const { loss } = await steps.all();
    const test = await evaluate(learner, testLabels.length, batch);
    ({ predictions } = test);
    const record: EpochRecord = {
      epoch,
      learningRate,
      trainLoss: loss / trainItems,
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
  const results = new Results();
  const order = testOrder(n);
  for (const items of batches(order, batch))
    await results.add({ ...(await learner.test(items)), items: items.length });
  const { classes, loss } = await results.all();
  const predictions = new Int32Array(n);
  order.forEach((item, i) => (predictions[item] = classes[i]!));
  return { predictions, loss: loss / n };
}

/** What a batch left on the device. */
interface Left {
  items: number;
  losses: tf.Scalar[];
  classes?: tf.Tensor1D[];
}

/** What batches left on the device, read some batches at once. */
class Results {
  private waiting: Left[] = [];
  private readonly classes: number[] = [];
  private loss = 0;

  async add(left: Left): Promise<void> {
    this.waiting.push(left);
    if (this.waiting.length >= batchesTogether()) await this.read();
  }

  /** Predicted classes, batch by batch, and the sum of the items' losses. */
  async all(): Promise<{ classes: readonly number[]; loss: number }> {
    await this.read();
    return { classes: this.classes, loss: this.loss };
  }

  private async read(): Promise<void> {
    const left = this.waiting;
    this.waiting = [];
    const [losses, classes] = await Promise.all([
      readTogether(left.flatMap(({ losses }) => losses)),
      readTogether(left.flatMap(({ classes = [] }) => classes)),
    ]);
    let at = 0;
    for (const { losses: own, items } of left)
      this.loss += losses.slice(at, (at += own.length)).reduce((sum, loss) => sum + loss, 0) * items;
    this.classes.push(...classes);
  }
}

/** Values of tensors of one type, one after the other; frees them. */
async function readTogether(tensors: (tf.Tensor1D | tf.Scalar)[]): Promise<number[]> {
  if (!tensors.length) return [];
  const joined = tensors.length > 1 && tf.tidy(() => tf.concat1d(tensors.map((tensor) => tensor.as1D())));
  const values = [...(await (joined || tensors[0]!).data())];
  tf.dispose([tensors, joined || []]);
  return values;
}
