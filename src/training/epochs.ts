import * as tf from "@tensorflow/tfjs";
import { permutation, randomStream } from "../random.js";
import type { Checkpoint } from "./checkpoint.js";
import type { EpochRecord, Learner, Left, Stand, Tested } from "./learner.js";
import type { LossSpec } from "./losses.js";
import { confusionMatrix, scores } from "./metrics.js";
import { PlateauSchedule } from "./schedule.js";

/** Is offered where a training stands after every batch, and waited for. */
export type Keeper = Pick<Checkpoint, "resume" | "offer" | "close">;

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
 * @param onEpoch told of each finished epoch, and where a checkpoint is gone on from of its last one
 * @param checkpoint offered where the training stands after every batch
 */
export async function runEpochs(
  learner: Learner,
  { trainItems, testLabels, classes, epochs, batch, seed, ...rates }: Course,
  onEpoch?: (record: EpochRecord) => void,
  checkpoint?: Keeper,
): Promise<Learned> {
  const schedule = new PlateauSchedule(rates.learningRate, 0.1, rates.patience);
  const order = randomStream(seed, "order");
  const testItems = testLabels.length;
  const stand: Stand = checkpoint?.resume(learner) ?? {
    epoch: 1,
    trained: 0,
    trainLoss: 0,
    tested: untested(testItems),
    curve: [],
    schedule: schedule.state,
  };
  schedule.state = stand.schedule;
  if (stand.curve.length) onEpoch?.(stand.curve.at(-1)!);
  const offer = () => checkpoint?.offer(learner, stand);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const trainOrder = permutation(trainItems, order);
    if (epoch < stand.epoch) {
      for (const items of batches(trainOrder, batch)) learner.revisit?.("train", items);
      for (const items of batches(testOrder(testItems), batch)) learner.revisit?.("test", items);
      continue;
    }
    if (stand.trained === 0) stand.tested = untested(testItems);
    const { learningRate } = schedule;
    const left = [...batches(trainOrder, batch)];
    for (const items of left.splice(0, stand.trained)) learner.revisit?.("train", items);
    for await (const results of inTurn(left, (items) => learner.step(items, learningRate))) {
      for (const { items, loss } of results) stand.trainLoss += loss * items.length;
      stand.trained += results.length;
      await offer();
    }
    const { predictions, loss } = await evaluate(learner, testItems, batch, stand.tested, offer);
    const record: EpochRecord = {
      epoch,
      learningRate,
      trainLoss: stand.trainLoss / trainItems,
      testLoss: loss,
      ...scores(confusionMatrix(testLabels, predictions, classes)),
    };
    stand.curve.push(record);
    if (!stand.best || record.accuracy > stand.best.record.accuracy) stand.best = { record, predictions };
    schedule.update(record.accuracy);
    Object.assign(stand, { epoch: epoch + 1, trained: 0, trainLoss: 0 });
    onEpoch?.(record);
    await offer();
  }
  checkpoint?.close();
  const { curve, best, tested } = stand;
  return {
    curve,
    best: best!.record,
    last: curve.at(-1)!,
    predictions: { best: best!.predictions, last: tested.predictions },
  };
}

const untested = (items: number): Tested => ({ batches: 0, loss: 0, predictions: new Int32Array(items) });

/**
 * Tests all of `n` items: their predicted classes in file order, and the mean loss.
 * @param tested where it goes on from, kept up to date
 * @param onBatch called after each batch, or as many as are read at once
 */
export async function evaluate(
  learner: Pick<Learner, "test" | "revisit">,
  n: number,
  batch: number,
  tested = untested(n),
  onBatch?: () => Promise<void> | undefined,
) {
  const left = [...batches(testOrder(n), batch)];
  for (const items of left.splice(0, tested.batches)) learner.revisit?.("test", items);
  for await (const results of inTurn(left, (items) => learner.test(items))) {
    for (const { items, classes, loss } of results) {
      items.forEach((item, at) => (tested.predictions[item] = classes[at]!));
      tested.loss += loss * items.length;
    }
    tested.batches += results.length;
    await onBatch?.();
  }
  return { predictions: tested.predictions, loss: tested.loss / n };
}

/**
 * Batches whose results wait on the device before they are read. Backends whose kernels run at once have nothing to wait for, and what
 * waited would lie between the tensors of WebAssembly's heap.
 */
const batchesTogether = () => (tf.getBackend() === "webgpu" ? 64 : 1);

interface Result {
  items: Int32Array;
  loss: number;
  classes: number[];
}

/** Runs batches in turn, and reads what they leave some batches at once. */
export async function* inTurn(
  all: readonly Int32Array[],
  run: (items: Int32Array) => Promise<Left>,
  together = batchesTogether(),
): AsyncGenerator<Result[]> {
  let waiting: (Left & { items: Int32Array })[] = [];
  for (const [i, items] of all.entries()) {
    waiting.push({ items, ...(await run(items)) });
    if (waiting.length < together && i < all.length - 1) continue;
    const losses = await readTogether(waiting.flatMap(({ losses }) => losses));
    const classes = await readTogether(waiting.flatMap(({ classes = [] }) => classes));
    yield waiting.map(({ items, losses: { length } }) => ({
      items,
      loss: losses.splice(0, length).reduce((sum, loss) => sum + loss, 0),
      classes: classes.splice(0, items.length),
    }));
    waiting = [];
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
