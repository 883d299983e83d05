import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { EncoderInput } from "./architecture.js";
import { gelu, inOneKernel, layerNorm } from "./ops.js";
import { linear, norm, type Needs, type Weights } from "./weights.js";

export const FINAL_NORM = "wavlm.encoder.layer_norm";
const POSITIONAL = "wavlm.encoder.pos_conv_embed.conv";
/** torch.nn.LayerNorm's and GroupNorm's default, which the convolutions' norms have whatever the config says */
const CONV_EPSILON = 1e-5;

/** WavLM up to hidden state 0: convolutions over the samples, a projection, and a positional convolution over the frames. */
export interface FrontEnd {
  /** of each convolution: channels out, width, stride */
  channels: number[];
  kernels: number[];
  strides: number[];
  convBias: boolean;
  /** one group norm after the first convolution (Base) instead of a layer norm after each (Large) */
  groupNorm: boolean;
  /** layers begin with their norms (Large) instead of ending with them (Base) */
  normFirst: boolean;
  features: number;
  epsilon: number;
  positions: { kernel: number; groups: number };
}

/**
 * Samples → frames of the convolutions.
 * @throws UserError if they are too few for a frame.
 */
export function frameCount({ kernels, strides }: FrontEnd, samples: number): number {
  const frames = kernels.reduce(
    (length, kernel, i) => Math.floor((length - kernel) / strides[i]!) + 1,
    samples,
  );
  if (frames >= 1) return frames;
  const least = kernels.reduceRight((length, kernel, i) => (length - 1) * strides[i]! + kernel, 1);
  throw new UserError(
    `a recording of ${samples} samples is shorter than the ${least} that one frame needs; pad it`,
  );
}

/**
 * Bytes that an item takes at most on its way to hidden state 0: copies of its widest tensor, the first convolution's output, and
 * some of the frames'.
 */
export function frontEndBytes(settings: FrontEnd, samples: number): number {
  const { kernels, strides, channels, groupNorm, features } = settings;
  const widest = Math.floor((samples - kernels[0]!) / strides[0]!) + 1;
  return 4 * (widest * channels[0]! * (groupNorm ? 12 : 8) + 8 * frameCount(settings, samples) * features);
}

/** Multiplications and additions of an item on that way. */
export function frontEndOperations(settings: FrontEnd, samples: number): number {
  const { channels, kernels, strides, features, positions } = settings;
  let [length, sum] = [samples, 0];
  kernels.forEach((kernel, i) => {
    length = Math.floor((length - kernel) / strides[i]!) + 1;
    sum += 2 * length * (channels[i - 1] ?? 1) * kernel * channels[i]!;
  });
  const ofFrame = channels.at(-1)! + (features / positions.groups) * positions.kernel;
  return sum + 2 * length * features * ofFrame;
}

/** The tensors up to hidden state 0. */
export function embedNeeds(settings: FrontEnd): Needs {
  const { channels, kernels, convBias, groupNorm, normFirst, features, positions } = settings;
  const needs: Needs = {};
  channels.forEach((outputs, i) => {
    const at = convolution(i);
    needs[`${at}.conv.weight`] = { shape: [outputs, channels[i - 1] ?? 1, kernels[i]!] };
    if (convBias) needs[`${at}.conv.bias`] = { shape: [outputs] };
    if (!groupNorm || i === 0) Object.assign(needs, norm(`${at}.layer_norm`, outputs));
  });
  const last = channels.at(-1)!;
  return {
    ...needs,
    ...norm("wavlm.feature_projection.layer_norm", last),
    ...linear("wavlm.feature_projection.projection", last, features),
    [`${POSITIONAL}.weight_g`]: { shape: [1, 1, positions.kernel] },
    [`${POSITIONAL}.weight_v`]: { shape: [features, features / positions.groups, positions.kernel] },
    [`${POSITIONAL}.bias`]: { shape: [features] },
    ...(normFirst ? {} : norm(FINAL_NORM, features)),
  };
}

function convolution(i: number): string {
  return `wavlm.feature_extractor.conv_layers.${i}`;
}

/** Filters [out, in, width] → [width, in, out]; the positional one from its weight-norm parts, w = g v / ‖v‖ per tap. */
export function prepareConvolutions({ channels }: FrontEnd, weights: Weights): Record<string, tf.Tensor> {
  const filters = channels.map((_, i) => {
    const name = `${convolution(i)}.conv.weight`;
    return [name, weights.get(name).transpose([2, 1, 0])];
  });
  const v = weights.get(`${POSITIONAL}.weight_v`);
  const length = v.square().sum([0, 1], true).sqrt();
  const positional = v.mul(weights.get(`${POSITIONAL}.weight_g`).div(length));
  return { ...Object.fromEntries(filters), [`${POSITIONAL}.weight_v`]: positional.transpose([2, 1, 0]) };
}

/** Samples [batch, samples] → hidden state 0 [batch, frames, features]; `frames` [batch, 1, frames] is 0 where they are padding. */
export function embed(
  settings: FrontEnd,
  weights: Weights,
  { values }: EncoderInput,
  frames?: tf.Tensor,
): tf.Tensor3D {
  const [batch, samples] = values.shape as [number, number];
  const wave = tf.tensor3d(values.data as Float32Array, [batch, samples, 1]);
  const extracted = settings.channels.reduce(
    (x, _, i) => tf.tidy(() => convolve(settings, weights, i, x)),
    wave,
  );
  const projection = "wavlm.feature_projection";
  const normed = affineNorm(weights, `${projection}.layer_norm`, extracted, settings.epsilon);
  const projected = weights.project(`${projection}.projection`, normed); // [batch, frames, features]
  const masked = frames ? projected.mul<tf.Tensor3D>(frames.transpose([0, 2, 1])) : projected;
  const placed = masked.add<tf.Tensor3D>(positional(settings, weights, masked));
  return settings.normFirst ? placed : affineNorm(weights, FINAL_NORM, placed, settings.epsilon);
}

/** One convolution of the front end: [batch, length, in] → [batch, length', out] */
function convolve(settings: FrontEnd, weights: Weights, i: number, x: tf.Tensor3D): tf.Tensor3D {
  const at = convolution(i);
  const filter = weights.get<tf.Tensor3D>(`${at}.conv.weight`);
  const y = tf.conv1d(x, filter, settings.strides[i]!, "valid");
  const biased = settings.convBias ? y.add<tf.Tensor3D>(weights.get(`${at}.conv.bias`)) : y;
  if (settings.groupNorm && i > 0) return gelu(biased);
  if (!settings.groupNorm) return gelu(affineNorm(weights, `${at}.layer_norm`, biased, CONV_EPSILON));
  const [weight, bias] = [weights.get(`${at}.layer_norm.weight`), weights.get(`${at}.layer_norm.bias`)];
  if (inOneKernel("TimeNorm") && biased.shape[2] % 4 === 0) {
    const normed = tf.engine().runKernel("TimeNorm", { x: biased, weight, bias }, { epsilon: CONV_EPSILON });
    return gelu(normed as tf.Tensor3D);
  }
  // as many groups as channels: each channel by its mean and variance over time
  const centred = biased.sub<tf.Tensor3D>(biased.mean(1, true));
  const scale = centred.square().mean(1, true).add(CONV_EPSILON).rsqrt();
  return gelu(centred.mul<tf.Tensor3D>(scale).mul<tf.Tensor3D>(weight).add<tf.Tensor3D>(bias));
}

/** Convolution over time in groups of features, same length: [batch, frames, features] → the same */
function positional({ positions }: FrontEnd, weights: Weights, x: tf.Tensor3D): tf.Tensor3D {
  const { kernel, groups } = positions;
  // PyTorch pads kernel / 2 on both sides and drops the last frame of an even kernel
  const before = Math.floor(kernel / 2);
  const padded = x.pad<tf.Tensor3D>([[0, 0], [before, kernel - 1 - before], [0, 0]]); // prettier-ignore
  const inputs = tf.split(padded, groups, 2);
  const filters = tf.split(weights.get<tf.Tensor3D>(`${POSITIONAL}.weight_v`), groups, 2);
  const outputs = inputs.map((input, g) =>
    tf.conv1d(input as tf.Tensor3D, filters[g] as tf.Tensor3D, 1, "valid"),
  );
  return gelu(tf.concat(outputs, 2).add(weights.get(`${POSITIONAL}.bias`)));
}

/** Layer norm with the tensors of `name`. */
export function affineNorm(weights: Weights, name: string, x: tf.Tensor3D, epsilon: number): tf.Tensor3D {
  return layerNorm(x, weights.get(`${name}.weight`), weights.get(`${name}.bias`), epsilon);
}
