import * as tf from "@tensorflow/tfjs";
import { MEASURED_ITEMS, measure, type Measures } from "../models/measures.js";
import { Model } from "../models/model.js";
import type { Stage } from "../models/stages.js";
import { AdamW } from "./adamw.js";
import {
  batches,
  evaluate,
  runEpochs,
  testOrder,
  type CourseOptions,
  type Keeper,
  type Learned,
} from "./epochs.js";
import type { EpochRecord, Learner, Left } from "./learner.js";
import { lossOf } from "./losses.js";
import { planPart } from "./memory.js";

/** Items with a label each. */
export interface Examples {
  /** Hidden states of the given items, float32 [items, layers, features] row by row, from memory or disk. */
  read(items: Int32Array): Float32Array;
  labels: Int32Array;
}

/** Hidden states of one encoder, to train and test decoders on. */
export interface LabelledStates {
  layers: number;
  features: number;
  classes: number;
  train: Examples;
  test: Examples;
  /** Further sets of test items that the trained decoder is tested on. */
  shifted?: { sets: Record<string, Examples> };
}

/** The streams of the seed: order of the batches, decoder, attention. */
export interface TrainOptions extends CourseOptions {
  stages: Stage[];
  hidden: number;
  /** Bytes that the tensors of a step may take; by default what the backend gives. */
  memory?: number;
  /** What attention does to training items is measured, before and after, in place of maps. */
  measured?: boolean;
}

export interface Outcome extends Learned {
  /** Predicted class of every item of the further sets, after the last epoch. */
  shifted: Record<string, Int32Array>;
  /** Density weights averaged over items after the last epoch, [layers · features] each. */
  attention?: { layers: number; features: number; test: Float32Array; train: Float32Array };
  measured?: { before: Measures; after: Measures };
  /** Smallest and largest learned value. */
  learned?: { meanOffset: [number, number]; scaledVariance: [number, number] };
}

/**
 * Trains a decoder on hidden states and tests it after every epoch.
 * @param onEpoch told of each finished epoch
 * @param checkpoint keeps where the training stands, and where it goes on from
 * @throws UserError, before anything is trained, where the backend's memory does not hold a step
 */
export async function train(
  data: LabelledStates,
  options: TrainOptions,
  onEpoch?: (record: EpochRecord) => void,
  checkpoint?: Keeper,
): Promise<Outcome> {
  const { layers, features, classes } = data;
  const part = planPart({ ...options, layers, features, classes }, options.memory);
  const model = new Model({ ...options, layers, features, classes });
  const variables = model.trainable;
  const optimiser = new AdamW(variables, options);
  try {
    const learner: Learner = {
      variables: model.variables,
      optimisers: [optimiser],
      step: (items, learningRate) =>
        trainStep(model, variables, optimiser, data, { ...options, part }, learningRate, items),
      test: (items) => test(model, data, { ...options, part }, items),
    };
    const course = {
      ...options,
      classes,
      trainItems: data.train.labels.length,
      testLabels: data.test.labels,
    };
    // a training that goes on starts from the same values: they are drawn anew before the checkpoint's take their place
    const before = options.measured ? await measuresOf(model, data, options.batch) : undefined;
    const learned = await runEpochs(learner, course, onEpoch, checkpoint);
    const shifted: Outcome["shifted"] = {};
    for (const [name, set] of Object.entries(data.shifted?.sets ?? {})) {
      const shiftedData = { ...data, test: set };
      const other = { test: (items: Int32Array) => test(model, shiftedData, { ...options, part }, items) };
      shifted[name] = (await evaluate(other, set.labels.length, options.batch)).predictions;
    }
    return {
      ...learned,
      shifted,
      ...(options.measured
        ? before && { measured: { before, after: (await measuresOf(model, data, options.batch))! } }
        : { attention: await averageMaps(model, data, part) }),
      learned: await learnedRanges(model),
    };
  } finally {
    model.dispose();
    optimiser.dispose();
  }
}

/** How a batch is gone through. */
interface StepOptions extends Pick<TrainOptions, "loss"> {
  /** Items whose hidden states are in memory at once; all of the batch when left out. */
  part?: number;
}

/**
 * One step on a batch of training items; leaves the losses before it. Gradients of parts are added up,
 * weighted by their items, and clipped once.
 */
export async function trainStep(
  model: Model,
  variables: tf.Variable[],
  optimiser: AdamW,
  data: LabelledStates,
  { loss, part = Infinity }: StepOptions,
  learningRate: number,
  items: Int32Array,
): Promise<Left> {
  const losses: tf.Scalar[] = [];
  let sums: tf.Tensor[] = [];
  for (const own of batches(items, part)) {
    const { x, labels } = gather(data, data.train, own);
    const lossOfPart = () => ofBatch(lossOf(loss, model.forward(x, true), labels), own.length / items.length);
    const { value, grads } = tf.variableGrads(lossOfPart, variables);
    losses.push(value);
    tf.dispose([x, labels]);
    const gradients = variables.map(({ name }) => grads[name]!);
    sums = sums.length
      ? sums.map((sum, i) => replaced(sum.add(gradients[i]!), sum, gradients[i]!))
      : gradients;
  }
  optimiser.step(sums, learningRate);
  tf.dispose(sums);
  return { losses };
}

/** The loss of a part, whose items are this share of the batch. */
const ofBatch = (loss: tf.Scalar, share: number): tf.Scalar => (share < 1 ? loss.mul(share) : loss);

/** `next`, when what it was made of is freed. */
function replaced(next: tf.Tensor, ...made: tf.Tensor[]): tf.Tensor {
  tf.dispose(made);
  return next;
}

async function test(
  model: Model,
  data: LabelledStates,
  { loss, part = Infinity }: StepOptions,
  items: Int32Array,
): Promise<Left> {
  const classes: tf.Tensor1D[] = [];
  const losses: tf.Scalar[] = [];
  for (const own of batches(items, part)) {
    const { x, labels } = gather(data, data.test, own);
    const [guess, value] = tf.tidy(() => {
      const logits = model.forward(x);
      const value = ofBatch(lossOf(loss, logits, labels), own.length / items.length);
      return [logits.argMax<tf.Tensor1D>(1), value] as const;
    });
    classes.push(guess);
    losses.push(value);
    tf.dispose([x, labels]);
  }
  return { classes, losses };
}

/** What attention does to the first training items, in the order that tests have. */
async function measuresOf(model: Model, data: LabelledStates, batch: number): Promise<Measures | undefined> {
  const items = testOrder(data.train.labels.length).subarray(0, MEASURED_ITEMS);
  const states = function* () {
    for (const own of batches(items, batch)) {
      const { x, labels } = gather(data, data.train, own);
      yield x;
      tf.dispose([x, labels]);
    }
  };
  return measure(model, states());
}

async function averageMaps(model: Model, data: LabelledStates, batch: number): Promise<Outcome["attention"]> {
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

function gather({ layers, features }: LabelledStates, { read, labels }: Examples, items: Int32Array) {
  return {
    x: tf.tensor3d(read(items), [items.length, layers, features]),
    labels: tf.tensor1d(
      items.map((item) => labels[item]!),
      "int32",
    ),
  };
}
