import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Architecture, Blueprint, Context, EncoderInput } from "./architecture.js";
import type { Config } from "./config.js";
import { attention, keyMask } from "./attention.js";
import { activation, activationNames, average } from "./ops.js";
import {
  affineNorm,
  embed,
  embedNeeds,
  FINAL_NORM,
  frameCount,
  frontEndBytes,
  frontEndOperations,
  prepareConvolutions,
  type FrontEnd,
} from "./wavlm-front-end.js";
import { layerBytes } from "./size.js";
import { linear, norm, type Needs, type Weights } from "./weights.js";

const POSITION_TABLE = "wavlm.encoder.layers.0.attention.rel_attn_embed.weight";

/**
 * WavLM (arXiv 2110.13900), numerically as transformers 5.18: layer-norm-first (`do_stable_layer_norm`, Large) or norm-after
 * (Base); convolutional front end with layer norm (Large) or one group norm (Base).
 */
export const wavlm: Architecture = {
  kin: /wav2vec2|hubert|unispeech|data2vec-audio|sew|whisper|speech|audio|moonshine|mms/,
  modality: "audio",
  inputName: "input_values",
  prefix: "wavlm.",
  layerPart: "encoder\\.layers",
  classifier: "classifier.weight",
  withHead: "WavLMForSequenceClassification",
  published: (name) =>
    name
      .replace("parametrizations.weight.original0", "weight_g")
      .replace("parametrizations.weight.original1", "weight_v"),
  blueprint,
};

interface Settings extends FrontEnd {
  heads: number;
  inner: number;
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
  const buckets = {
    count: config.count("num_buckets", 320),
    furthest: config.count("max_bucket_distance", 800),
  };
  config.divides("4 (near and far, in two directions)", "num_buckets", 4, buckets.count);
  if (buckets.furthest <= buckets.count / 4)
    throw new UserError(`${config.path}: max_bucket_distance must be more than a quarter of num_buckets`);
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
    buckets,
  };
  const act = activation(config.choice("hidden_act", activationNames, "gelu"));
  const layers = config.count("num_hidden_layers");
  const projected = config.count("classifier_proj_size", 256);
  return {
    layers,
    features,
    size: ([samples]) => {
      const tokens = frameCount(settings, samples!);
      const layer = layerBytes(tokens, features, settings.inner, heads);
      return {
        tokens,
        embed: frontEndBytes(settings, samples!),
        layer,
        operations: frontEndOperations(settings, samples!),
      };
    },
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
        const attend = (x: tf.Tensor3D) =>
          tf.tidy(() => selfAttention(heads, weights, `${at}.attention`, x, shared));
        const feed = (x: tf.Tensor3D) =>
          tf.tidy(() =>
            weights.project(
              `${at}.feed_forward.output_dense`,
              act(weights.project(`${at}.feed_forward.intermediate_dense`, x)),
            ),
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
          throw new UserError(
            `${config.path}: its head reads a weighted sum of all layers (use_weighted_layer_sum), which is not implemented: ` +
              "it gives hidden states; for logits of a new head set it to false",
          );
        return weights.project("classifier", weights.project("projector", pooled));
      },
    }),
  };
}

function context(settings: Settings, weights: Weights, { values, mask }: EncoderInput): Context {
  const [batch, samples] = values.shape as [number, number];
  const frames = frameCount(settings, samples);
  const real = new Float32Array(batch * frames).fill(1);
  for (let item = 0; mask && item < batch; item++) {
    const row = mask.data.subarray(item * samples, (item + 1) * samples);
    real.fill(0, item * frames + frameCount(settings, ones(row)), (item + 1) * frames);
  }
  const frameMask = tf.tensor3d(real, [batch, 1, frames]);
  const mean = frameMask.div<tf.Tensor3D>(frameMask.sum(-1, true));
  const bias = positionBias(settings, weights.get(POSITION_TABLE), frames);
  const tensors: Context["tensors"] = { bias };
  if (mask) Object.assign(tensors, { frames: frameMask, keys: keyMask(real, batch, frames) });
  return { mean, pool: mean.clone(), tensors };
}

function ones(row: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < row.length; i++) count += Number(row[i] !== 0);
  return count;
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

function layerNeeds({ features, heads, inner }: Settings, index: number): Needs {
  const at = `wavlm.encoder.layers.${index}`;
  return {
    ...["q_proj", "k_proj", "v_proj", "out_proj"]
      .map((name) => linear(`${at}.attention.${name}`, features, features))
      .reduce((all, some) => ({ ...all, ...some })),
    [`${at}.attention.gru_rel_pos_const`]: { shape: [1, heads, 1, 1] },
    ...gate(`${at}.attention.gru_rel_pos_linear`, features / heads),
    ...linear(`${at}.feed_forward.intermediate_dense`, features, inner),
    ...linear(`${at}.feed_forward.output_dense`, inner, features),
    ...norm(`${at}.layer_norm`, features),
    ...norm(`${at}.final_layer_norm`, features),
  };
}

function gate(name: string, inputs: number): Needs {
  const needs = linear(name, inputs, 8);
  return { ...needs, [`${name}.weight`]: { ...needs[`${name}.weight`]!, derived: true } };
}

/** The gate sums its 8 outputs in two fours before the sigmoid; summing its weights instead leaves 2 outputs: [8, d] → [2, d]. */
function prepareGate(heads: number, weights: Weights, index: number): Record<string, tf.Tensor> {
  const at = `wavlm.encoder.layers.${index}.attention`;
  const gate = weights.get(`${at}.gru_rel_pos_linear.weight`);
  return {
    [`${at}.gru_rel_pos_linear.weight`]: gate.reshape([2, 4, gate.shape[1]!]).sum(1),
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
  const scaled = reset.squeeze([3]).mul(weights.get(`${at}.gru_rel_pos_const`)); // [batch, frames, heads]
  const gate = update.squeeze([3]).mul(scaled.sub(1)).add(2).transpose([0, 2, 1]).expandDims<tf.Tensor4D>(3);
  const mixed = attention(
    weights.project(`${at}.q_proj`, x),
    weights.project(`${at}.k_proj`, x),
    weights.project(`${at}.v_proj`, x),
    heads,
    { matrix: tensors["bias"] as tf.Tensor4D, gate, keys: tensors["keys"] as tf.Tensor4D | undefined },
  );
  return weights.project(`${at}.out_proj`, mixed);
}
