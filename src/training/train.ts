import * as tf from "@tensorflow/tfjs";
import { Model } from "../models/model.js";
import type { Stage } from "../models/stages.js";
import { permutation, randomStream } from "../random.js";
import { AdamW } from "./adamw.js";
import { lossOf, type LossSpec } from "./losses.js";
import { confusionMatrix, scores } from "./metrics.js";
import { PlateauSchedule } from "./schedule.js";

/** Items with a label each. */
export interface Examples {
  /** Hidden states of the given items, float32 [items, layers, features] row by row, from memory or disk. */
  read(items: Int32Array): Float32Array;
  labels: Int32Array;
}

export interface Dataset {
  layers: number;
  features: number;
  classes: number;
  train: Examples;
  test: Examples;
}

export interface TrainOptions {
  stages: Stage[];
  hidden: number;
  epochs: number;
  batch: number;
  learningRate: number;
  weightDecay: number;
  clipNorm: number;
  loss: LossSpec;
  /** Names three independent streams: order of the batches, decoder, attention. */
  seed: number;
}

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

export interface Outcome {
  curve: EpochRecord[];
  /** The epoch of highest test accuracy (the first of equals), as the paper reports, and the last one. */
  best: EpochRecord;
  last: EpochRecord;
  /** Predicted class of every test item, in file order. */
  predictions: { best: Int32Array; last: Int32Array };
  /** Density weights averaged over items after the last epoch, [layers · features] each. */
  attention?: { layers: number; features: number; test: Float32Array; train: Float32Array };
  /** Smallest and largest learned value. */
  learned?: { meanOffset: [number, number]; scaledVariance: [number, number] };
}

/**
 * Test items are visited in this order whatever the cell: attention over the batch depends on it, and in file order a batch
 * is mostly of one class.
 */
const testOrder = (n: number) => permutation(n, randomStream(0, "test order"));

/**
 * Trains a decoder on hidden states and tests it after every epoch.
 * @param onEpoch told of each finished epoch
 */
export async function train(
  data: Dataset,
  options: TrainOptions,
  onEpoch?: (record: EpochRecord) => void,
): Promise<Outcome> {
  const { layers, features, classes } = data;
  const model = new Model({ ...options, layers, features, classes });
  const variables = model.trainable;
  const optimiser = new AdamW(variables, options);
  try {
    const schedule = new PlateauSchedule(options.learningRate);
    const order = randomStream(options.seed, "order");
    const curve: EpochRecord[] = [];
    let best: { record: EpochRecord; predictions: Int32Array } | undefined;
    let predictions = new Int32Array();
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      const { learningRate } = schedule;
      const trainLoss = await trainEpoch(model, variables, optimiser, data, options, learningRate, order);
      const test = await evaluate(model, data, options);
      ({ predictions } = test);
      const record: EpochRecord = {
        epoch,
        learningRate,
        trainLoss,
        testLoss: test.loss,
        ...scores(confusionMatrix(data.test.labels, predictions, classes)),
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
      attention: await averageMaps(model, data, options.batch),
      learned: await learnedRanges(model),
    };
  } finally {
    model.dispose();
    optimiser.dispose();
  }
}

/** One pass over the training items in an order drawn from `random`; returns the mean loss over items. */
export async function trainEpoch(
  model: Model,
  variables: tf.Variable[],
  optimiser: AdamW,
  data: Dataset,
  { batch, loss }: Pick<TrainOptions, "batch" | "loss">,
  learningRate: number,
  random: ReturnType<typeof randomStream>,
): Promise<number> {
  const order = permutation(data.train.labels.length, random);
  let sum = 0;
  for (const items of batches(order, batch)) {
    const { x, labels } = gather(data, data.train, items);
    const { value, grads } = tf.variableGrads(() => lossOf(loss, model.forward(x, true), labels), variables);
    optimiser.step(
      variables.map(({ name }) => grads[name]!),
      learningRate,
    );
    sum += (await value.data())[0]! * items.length;
    tf.dispose([x, labels, value, grads]);
  }
  return sum / order.length;
}

async function evaluate(model: Model, data: Dataset, { batch, loss }: TrainOptions) {
  const predictions = new Int32Array(data.test.labels.length);
  let sum = 0;
  for (const items of batches(testOrder(predictions.length), batch)) {
    const { x, labels } = gather(data, data.test, items);
    const [guess, value] = tf.tidy(() => {
      const logits = model.forward(x);
      return [logits.argMax(1), lossOf(loss, logits, labels)];
    });
    const classes = (await guess!.data()) as Int32Array;
    items.forEach((item, i) => (predictions[item] = classes[i]!));
    sum += (await value!.data())[0]! * items.length;
    tf.dispose([x, labels, guess!, value!]);
  }
  return { predictions, loss: sum / predictions.length };
}

async function averageMaps(model: Model, data: Dataset, batch: number): Promise<Outcome["attention"]> {
  const average = async (examples: Examples) => {
    const n = examples.labels.length;
    let sum: tf.Tensor | undefined;
    for (const items of batches(testOrder(n), batch)) {
      const { x, labels } = gather(data, examples, items);
      const next = tf.tidy(() => {
        const total = model.densityMap(x)?.sum(0);
        return total && sum ? sum.add(total) : total;
      });
      tf.dispose([x, labels, ...(sum ? [sum] : [])]);
      if (!next) return undefined;
      sum = next;
    }
    const mean = sum!.div(n);
    const [layers, features] = mean.shape as [number, number];
    const values = (await mean.data()) as Float32Array;
    tf.dispose([sum!, mean]);
    return { layers, features, values };
  };
  const test = await average(data.test);
  const train = test && (await average(data.train));
  return train && { layers: test.layers, features: test.features, test: test.values, train: train.values };
}

async function learnedRanges(model: Model): Promise<Outcome["learned"]> {
  const density = model.densityParameters();
  if (!density) return undefined;
  const range = async (variable: tf.Variable): Promise<[number, number]> => {
    const values = await variable.data<"float32">();
    return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  };
  return { meanOffset: await range(density.meanOffset), scaledVariance: await range(density.scaledVariance) };
}

function* batches(order: Int32Array, size: number): Generator<Int32Array> {
  for (let at = 0; at < order.length; at += size) yield order.subarray(at, at + size);
}

function gather({ layers, features }: Dataset, { read, labels }: Examples, items: Int32Array) {
  return {
    x: tf.tensor3d(read(items), [items.length, layers, features]),
    labels: tf.tensor1d(
      items.map((item) => labels[item]!),
      "int32",
    ),
  };
}
