import { setImmediate as breathe } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { Stopped } from "../errors.js";
import { permutation, randomStream } from "../random.js";
import { AdamW } from "../training/adamw.js";
import { imageSize, type Images, type ImageSets } from "./images.js";
import { meanSquaredError, peakSignalToNoise } from "./metrics.js";
import type { VqVaeSettings } from "./settings.js";
import { codebookUse, countCodes, restartDeadCodes } from "./vector-quantiser.js";
import { VqVae } from "./vq-vae.js";

export interface VqVaeConfig extends VqVaeSettings {
  attention: boolean;
  /** Names independent streams: initial weights, attention, order of the batches, restarts of codes. */
  seed: number;
}

/** One epoch; everything but the losses is of the test images. */
export interface VqVaeEpoch {
  epoch: number;
  /** Means over training images: squared error ÷ variance of the pixels, and the quantiser's loss. */
  reconstructionLoss: number;
  codebookLoss: number;
  /** Squared error of values in 0–1, mean over images. */
  mse: number;
  /** dB, mean over images. */
  psnr: number;
  /** Share of the codebook in use (0–1), and its perplexity. */
  usage: number;
  perplexity: number;
  /** Codes that no training vector took in the epoch before, and that were moved. */
  restarted: number;
}

export interface VqVaeOutcome {
  curve: VqVaeEpoch[];
  last: VqVaeEpoch;
  parameters: number;
  /** Of the first test images. */
  reconstructions: Images;
}

export interface TrainVqVaeOptions {
  onEpoch?: (epoch: VqVaeEpoch) => void;
  onStep?: () => void;
  signal?: AbortSignal;
}

/** Reconstructions that an outcome carries. */
const SHOWN = 10;

/**
 * Trains a VQ-VAE by AdamW on squared error ÷ variance + the quantiser's loss, and tests it after every epoch. Before an epoch codes that
 * were not used in the one before move onto vectors of random training images; before the first, all of them do.
 * @throws Stopped where the signal says so; UserError as the model does
 */
export async function trainVqVae(
  { train, test }: ImageSets,
  config: VqVaeConfig,
  { onEpoch, onStep, signal }: TrainVqVaeOptions = {},
): Promise<VqVaeOutcome> {
  const model = new VqVae({ ...config, side: train.side });
  const optimiser = new AdamW(model.variables, config);
  const [order, restarts] = [randomStream(config.seed, "order"), randomStream(config.seed, "restarts")];
  const variance = varianceOf(train.pixels);
  const curve: VqVaeEpoch[] = [];
  let counts = new Int32Array(config.codes);
  try {
    for (let epoch = 1; epoch <= config.epochs; epoch++) {
      const restarted = counts.filter((count) => count === 0).length;
      const some = tf.tidy(() => {
        const items = permutation(train.count, restarts).subarray(0, config.batch);
        return model.encode(batchOf(train, items));
      });
      await restartDeadCodes(model.codebook, counts, some, restarts);
      some.dispose();
      const sums = { reconstruction: 0, codebook: 0 };
      counts = new Int32Array(config.codes);
      for (const items of batches(permutation(train.count, order), config.batch)) {
        await breathe();
        if (signal?.aborted) throw new Stopped();
        const step = await trainingStep(
          model,
          optimiser,
          batchOf(train, items),
          variance,
          config.learningRate,
        );
        sums.reconstruction += step.reconstruction * items.length;
        sums.codebook += step.codebook * items.length;
        countCodes(step.codes, config.codes).forEach((count, code) => (counts[code]! += count));
        onStep?.();
      }
      const record = {
        epoch,
        reconstructionLoss: sums.reconstruction / train.count,
        codebookLoss: sums.codebook / train.count,
        ...(await evaluate(model, test, config)),
        restarted,
      };
      curve.push(record);
      onEpoch?.(record);
    }
    const reconstructions = await reconstruct(model, test, Math.min(SHOWN, test.count));
    return { curve, last: curve.at(-1)!, parameters: model.parameters, reconstructions };
  } finally {
    model.dispose();
    optimiser.dispose();
  }
}

/**
 * One step of AdamW on a batch of images, float32 [batch, side, side, 3] in 0–1, which is disposed.
 * @param variance of the training pixels, which the squared error is divided by
 */
export async function trainingStep(
  model: VqVae,
  optimiser: AdamW,
  images: tf.Tensor4D,
  variance: number,
  learningRate: number,
): Promise<{ reconstruction: number; codebook: number; codes: Int32Array }> {
  const { variables } = model;
  const parts: tf.Tensor[] = [];
  const { value, grads } = tf.variableGrads(() => {
    const { images: guess, codes, loss } = model.forward(images);
    const error = guess.sub(images).square().mean().div(variance) as tf.Scalar;
    parts.push(tf.keep(error), tf.keep(codes));
    return error.add(loss) as tf.Scalar;
  }, variables);
  optimiser.step(
    variables.map(({ name }) => grads[name]!),
    learningRate,
  );
  const [error, codes] = parts as [tf.Tensor, tf.Tensor];
  const [total, reconstruction] = [(await value.data())[0]!, (await error.data())[0]!];
  const numbers = (await codes.data()).slice() as Int32Array;
  tf.dispose([images, value, grads, ...parts]);
  return { reconstruction, codebook: total - reconstruction, codes: numbers };
}

/** Errors are of reconstructions clipped to 0–1, as they are shown. */
async function evaluate(model: VqVae, images: Images, { batch, codes: size }: VqVaeConfig) {
  const counts = new Int32Array(size);
  const [entries, all] = [imageSize(images), firstItems(images.count)];
  let [mse, psnr] = [0, 0];
  for (const items of batches(all, batch)) {
    await breathe();
    const [x, guess, codes] = tf.tidy(() => {
      const x = batchOf(images, items);
      const { images: guess, codes } = model.forward(x);
      return [x, guess.clipByValue(0, 1), codes];
    });
    const [originals, guesses] = [await x!.data<"float32">(), await guess!.data<"float32">()];
    items.forEach((_, i) => {
      const part = (values: Float32Array) => values.subarray(i * entries, (i + 1) * entries);
      const error = meanSquaredError(part(guesses), part(originals));
      mse += error / images.count;
      psnr += peakSignalToNoise(error) / images.count;
    });
    countCodes(await codes!.data(), size).forEach((count, code) => (counts[code]! += count));
    tf.dispose([x!, guess!, codes!]);
  }
  return { mse, psnr, ...codebookUse(counts) };
}

async function reconstruct(model: VqVae, images: Images, count: number): Promise<Images> {
  const guess = tf.tidy(() =>
    model
      .forward(batchOf(images, firstItems(count)))
      .images.clipByValue(0, 1)
      .mul(255),
  );
  const pixels = Uint8Array.from(await guess.data(), Math.round);
  guess.dispose();
  return { ...images, count, pixels };
}

/** Float32 [batch, side, side, 3] in 0–1. */
function batchOf(images: Images, items: Int32Array): tf.Tensor4D {
  const { side, pixels } = images;
  const entries = imageSize(images);
  const values = new Float32Array(items.length * entries);
  items.forEach((item, i) => {
    for (let at = 0; at < entries; at++) values[i * entries + at] = pixels[item * entries + at]! / 255;
  });
  return tf.tensor4d(values, [items.length, side, side, 3]);
}

const firstItems = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

function* batches(order: Int32Array, size: number): Generator<Int32Array> {
  for (let at = 0; at < order.length; at += size) yield order.subarray(at, at + size);
}

/** Of bytes as values in 0–1. */
function varianceOf(pixels: Uint8Array): number {
  let [sum, squares] = [0, 0];
  for (const value of pixels) {
    sum += value / 255;
    squares += (value / 255) ** 2;
  }
  return squares / pixels.length - (sum / pixels.length) ** 2;
}
