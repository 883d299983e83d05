import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Architecture, Blueprint, Context, EncoderInput } from "./architecture.js";
import type { Config } from "./config.js";
import {
  activation,
  activationNames,
  attention,
  average,
  gelu,
  keyMask,
  layerNorm,
  splitHeads,
  splitHeadsTransposed,
} from "./ops.js";
import { linear, norm, type Needs, type Weights } from "./weights.js";

const POSITIONAL = "wavlm.encoder.pos_conv_embed.conv";
const POSITION_TABLE = "wavlm.encoder.layers.0.attention.rel_attn_embed.weight";
const FINAL_NORM = "wavlm.encoder.layer_norm";
/** torch.nn.LayerNorm's and GroupNorm's default, which the convolutions' norms have whatever the config says */
const CONV_EPSILON = 1e-5;

/**
 * WavLM (arXiv 2110.13900), numerically as transformers 5.18: layer-norm-first (`do_stable_layer_norm`, Large) or norm-after
 * (Base); convolutional front end with layer norm (Large) or one group norm (Base).
 */
export const wavlm: Architecture = {
  modality: "audio",
  inputName: "input_values",
  prefix: "wavlm.",
  classifier: "classifier.weight",
  published: (name) =>
    name
      .replace("parametrizations.weight.original0", "weight_g")
      .replace("parametrizations.weight.original1", "weight_v"),
  blueprint,
};

interface Settings {
  channels: number[];
  kernels: number[];
  strides: number[];
  convBias: boolean;
  groupNorm: boolean;
  normFirst: boolean;
  features: number;
  heads: number;
  inner: number;
  epsilon: number;
  positions: { kernel: number; groups: number };
  buckets: { count: number; furthest: number };
}

function blueprint(config: Config): Blueprint {
  const channels = config.counts("conv_dim");
  const features = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const groups = config.count("num_conv_pos_embedding_groups", 16);
  config.divides("num_attention_heads", "hidden_size", heads, features);
  config.divides("num_conv_pos_embedding_groups", "hidden_size", groups, features);
  config.choice("feat_extract_activation", ["gelu"], "gelu");
  const settings: Settings = {
    channels,
    kernels: config.counts("conv_kernel", channels.length),
    strides: config.counts("conv_stride", channels.length),
    convBias: config.flag("conv_bias", false),
    groupNorm: config.choice("feat_extract_norm", ["group", "layer"], "group") === "group",
    normFirst: config.flag("do_stable_layer_norm", false),
    features,
    heads,
    inner: config.count("intermediate_size"),
    epsilon: config.number("layer_norm_eps", 1e-5),
    positions: { kernel: config.count("num_conv_pos_embeddings", 128), groups },
    buckets: { count: config.count("num_buckets", 320), furthest: config.count("max_bucket_distance", 800) },
  };
  const act = activation(config.choice("hidden_act", activationNames, "gelu"));
  const layers = config.count("num_hidden_layers");
  const projected = config.count("classifier_proj_size", 256);
  return {
    layers,
    features,
    context: {
      needs: { [POSITION_TABLE]: { shape: [settings.buckets.count, heads] } },
      apply: (weights, input) => context(settings, weights, input),
    },
    embed: {
      needs: embedNeeds(settings),
      prepare: (weights) => prepareConvolutions(settings, weights),
      apply: (weights, input, { tensors }) => embed(settings, weights, input, tensors["frames"]),
    },
    layer: (index) => ({
      needs: layerNeeds(settings, index),
      prepare: (weights) => prepareGate(heads, weights, index),
      apply: (weights, hidden, shared) => {
        const { normFirst, epsilon } = settings;
        const at = `wavlm.encoder.layers.${index}`;
        const normed = (name: string, x: tf.Tensor3D) => affineNorm(weights, name, x, epsilon);
        const attend = (x: tf.Tensor3D) => selfAttention(heads, weights, `${at}.attention`, x, shared);
        const feed = (x: tf.Tensor3D) =>
          weights.project(
            `${at}.feed_forward.output_dense`,
            act(weights.project(`${at}.feed_forward.intermediate_dense`, x)),
          );
        if (!normFirst) {
          const attended = normed(`${at}.layer_norm`, hidden.add<tf.Tensor3D>(attend(hidden)));
          return normed(`${at}.final_layer_norm`, attended.add<tf.Tensor3D>(feed(attended)));
        }
        const attended = hidden.add<tf.Tensor3D>(attend(normed(`${at}.layer_norm`, hidden)));
        return attended.add<tf.Tensor3D>(feed(normed(`${at}.final_layer_norm`, attended)));
      },
    }),
    pool: {
      needs: settings.normFirst ? norm(FINAL_NORM, features) : {},
      apply: (weights, hidden, { pool }) =>
        average(
          settings.normFirst ? affineNorm(weights, FINAL_NORM, hidden, settings.epsilon) : hidden,
          pool,
        ),
    },
    head: (classes) => ({
      needs: { ...linear("projector", features, projected), ...linear("classifier", projected, classes) },
      apply: (weights, pooled) => {
        if (config.flag("use_weighted_layer_sum", false))
          throw new UserError(`${config.path}: use_weighted_layer_sum is not implemented; set it to false`);
        return weights.project("classifier", weights.project("projector", pooled));
      },
    }),
  };
}

function affineNorm(weights: Weights, name: string, x: tf.Tensor3D, epsilon: number): tf.Tensor3D {
  return layerNorm(x, weights.get(`${name}.weight`), weights.get(`${name}.bias`), epsilon);
}

/** Samples → frames of the convolutional front end. */
function frameCount({ kernels, strides }: Settings, samples: number): number {
  return kernels.reduce((length, kernel, i) => Math.floor((length - kernel) / strides[i]!) + 1, samples);
}

function context(settings: Settings, weights: Weights, { values, mask }: EncoderInput): Context {
  const [batch, samples] = values.shape as [number, number];
  const frames = frameCount(settings, samples);
  if (!(frames >= 1)) {
    const { kernels, strides } = settings;
    const least = kernels.reduceRight((length, kernel, i) => (length - 1) * strides[i]! + kernel, 1);
    throw new UserError(
      `a recording of ${samples} samples is shorter than the ${least} that one frame needs; pad it`,
    );
  }
  const real = new Float32Array(batch * frames).fill(1);
  if (mask) {
    for (let item = 0; item < batch; item++) {
      const length = Array.from(mask.data.subarray(item * samples, (item + 1) * samples)).filter(
        Boolean,
      ).length;
      const kept = frameCount(settings, length);
      if (kept < 1)
        throw new UserError(`recording ${item + 1} of the batch has ${length} samples, too few for a frame`);
      real.fill(0, item * frames + kept, (item + 1) * frames);
    }
  }
  const frameMask = tf.tensor3d(real, [batch, 1, frames]);
  const mean = frameMask.div<tf.Tensor3D>(frameMask.sum(-1, true));
  const bias = positionBias(settings, weights.get(POSITION_TABLE), frames);
  const tensors: Context["tensors"] = { bias };
  if (mask) Object.assign(tensors, { frames: frameMask, keys: keyMask(real, batch, frames) });
  return { mean, pool: mean.clone(), tensors };
}

/** table [buckets, heads] → [1, heads, frames, frames]: the bias of looking from frame t (row) to frame s (column). */
function positionBias({ buckets, heads }: Settings, table: tf.Tensor, frames: number): tf.Tensor {
  const bucketOf = Int32Array.from({ length: 2 * frames - 1 }, (_, i) => bucket(i - (frames - 1), buckets));
  const index = new Int32Array(frames * frames);
  for (let t = 0; t < frames; t++)
    for (let s = 0; s < frames; s++) index[t * frames + s] = bucketOf[s - t + frames - 1]!;
  return table
    .gather(tf.tensor1d(index, "int32")) // [frames · frames, heads]
    .reshape([frames, frames, heads])
    .transpose([2, 0, 1])
    .expandDims(0);
}

/** T5's bidirectional buckets: exact for near frames, logarithmic up to `furthest`, one half for each direction. */
function bucket(distance: number, { count, furthest }: Settings["buckets"]): number {
  const half = Math.floor(count / 2);
  const exact = Math.floor(half / 2);
  const side = distance > 0 ? half : 0;
  const away = Math.abs(distance);
  if (away < exact) return side + away;
  // in float32, as PyTorch computes it: the bucket changes where this passes a whole number
  const { fround } = Math;
  const ratio = fround(fround(Math.log(fround(away / exact))) / fround(Math.log(furthest / exact)));
  return side + Math.min(half - 1, Math.trunc(fround(exact + fround(ratio * (half - exact)))));
}

function embedNeeds(settings: Settings): Needs {
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
function prepareConvolutions({ channels }: Settings, weights: Weights): Record<string, tf.Tensor> {
  const filters = channels.map((_, i) => {
    const name = `${convolution(i)}.conv.weight`;
    return [name, weights.get(name).transpose([2, 1, 0])];
  });
  const v = weights.get(`${POSITIONAL}.weight_v`);
  const length = v.square().sum([0, 1], true).sqrt();
  const positional = v.mul(weights.get(`${POSITIONAL}.weight_g`).div(length));
  return { ...Object.fromEntries(filters), [`${POSITIONAL}.weight_v`]: positional.transpose([2, 1, 0]) };
}

function embed(
  settings: Settings,
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
function convolve(settings: Settings, weights: Weights, i: number, x: tf.Tensor3D): tf.Tensor3D {
  const at = convolution(i);
  const filter = weights.get<tf.Tensor3D>(`${at}.conv.weight`);
  const y = tf.conv1d(x, filter, settings.strides[i]!, "valid");
  const biased = settings.convBias ? y.add<tf.Tensor3D>(weights.get(`${at}.conv.bias`)) : y;
  if (settings.groupNorm && i > 0) return gelu(biased);
  if (!settings.groupNorm) return gelu(affineNorm(weights, `${at}.layer_norm`, biased, CONV_EPSILON));
  const [weight, bias] = [weights.get(`${at}.layer_norm.weight`), weights.get(`${at}.layer_norm.bias`)];
  // as many groups as channels: each channel by its mean and variance over time
  const centred = biased.sub<tf.Tensor3D>(biased.mean(1, true));
  const scale = centred.square().mean(1, true).add(CONV_EPSILON).rsqrt();
  return gelu(centred.mul<tf.Tensor3D>(scale).mul<tf.Tensor3D>(weight).add<tf.Tensor3D>(bias));
}

/** Convolution over time in groups of features, same length: [batch, frames, features] → the same */
function positional({ positions }: Settings, weights: Weights, x: tf.Tensor3D): tf.Tensor3D {
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

function layerNeeds({ features, heads, inner }: Settings, index: number): Needs {
  const at = `wavlm.encoder.layers.${index}`;
  return {
    ...["q_proj", "k_proj", "v_proj", "out_proj"]
      .map((name) => linear(`${at}.attention.${name}`, features, features))
      .reduce((all, some) => ({ ...all, ...some })),
    [`${at}.attention.gru_rel_pos_const`]: { shape: [1, heads, 1, 1] },
    ...linear(`${at}.attention.gru_rel_pos_linear`, features / heads, 8),
    ...linear(`${at}.feed_forward.intermediate_dense`, features, inner),
    ...linear(`${at}.feed_forward.output_dense`, inner, features),
    ...norm(`${at}.layer_norm`, features),
    ...norm(`${at}.final_layer_norm`, features),
  };
}

/** The gate sums its 8 outputs in two fours before the sigmoid; summing its weights instead leaves 2 outputs: [d, 8] → [d, 2]. */
function prepareGate(heads: number, weights: Weights, index: number): Record<string, tf.Tensor> {
  const at = `wavlm.encoder.layers.${index}.attention`;
  const gate = weights.get(`${at}.gru_rel_pos_linear.weight`);
  return {
    [`${at}.gru_rel_pos_linear.weight`]: gate.reshape([gate.shape[0]!, 2, 4]).sum(-1),
    [`${at}.gru_rel_pos_linear.bias`]: weights.get(`${at}.gru_rel_pos_linear.bias`).reshape([2, 4]).sum(-1),
    [`${at}.gru_rel_pos_const`]: weights.get(`${at}.gru_rel_pos_const`).reshape([1, 1, heads]),
  };
}

/** Attention with gated relative position bias (the paper's section 3.1). */
function selfAttention(
  heads: number,
  weights: Weights,
  at: string,
  x: tf.Tensor3D,
  { tensors }: Context,
): tf.Tensor3D {
  const [batch, frames, features] = x.shape;
  const perHead = x.reshape<tf.Tensor3D>([batch, frames * heads, features / heads]);
  const gates = weights.project(`${at}.gru_rel_pos_linear`, perHead).sigmoid(); // [batch, frames · heads, 2]
  const [update, reset] = tf.split(gates.reshape([batch, frames, heads, 2]), 2, 3) as [tf.Tensor, tf.Tensor];
  const gate = update
    .squeeze([3])
    .mul(
      reset
        .squeeze([3])
        .mul(weights.get(`${at}.gru_rel_pos_const`))
        .sub(1),
    )
    .add(2) // [batch, frames, heads]
    .transpose([0, 2, 1])
    .expandDims(3);
  const bias = gate.mul(tensors["bias"]!); // [batch, heads, frames, frames]
  const mixed = attention(
    splitHeads(weights.project(`${at}.q_proj`, x), heads),
    splitHeadsTransposed(weights.project(`${at}.k_proj`, x), heads),
    splitHeads(weights.project(`${at}.v_proj`, x), heads),
    tensors["keys"] ? bias.add(tensors["keys"]) : bias,
  );
  return weights.project(`${at}.out_proj`, mixed);
}
