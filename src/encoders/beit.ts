import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Architecture, Blueprint, Context, EncoderInput } from "./architecture.js";
import type { Config } from "./config.js";
import { attention } from "./attention.js";
import { activation, activationNames, average, layerNorm } from "./ops.js";
import { layerBytes } from "./size.js";
import { linear, norm, type Needs, type Weights } from "./weights.js";

const PATCHES = "beit.embeddings.patch_embeddings.projection";
const CLASS_TOKEN = "beit.embeddings.cls_token";
const POSITIONS = "beit.embeddings.position_embeddings";
const SHARED_BIAS = "beit.encoder.relative_position_bias.relative_position_bias_table";

/**
 * BEiT (arXiv 2106.08254), numerically as transformers 5.18: relative position bias of each layer (or one shared by all), layer
 * scale, mean pooling of the patches (or the class token).
 */
export const beit: Architecture = {
  kin: /vit|deit|dino|swin|data2vec-vision|convnext|clip_vision|ijepa|resnet|image/,
  modality: "image",
  inputName: "pixel_values",
  prefix: "beit.",
  layerPart: "encoder\\.layer|layers",
  classifier: "classifier.weight",
  withHead: "BeitForImageClassification",
  // transformers 5 in memory → as published
  published: (name) =>
    name
      .replace(/^(beit\.)?layers\.(\d+)\./, "$1encoder.layer.$2.")
      .replace(/\.attention\.q_proj\b/, ".attention.attention.query")
      .replace(/\.attention\.k_proj\b/, ".attention.attention.key")
      .replace(/\.attention\.v_proj\b/, ".attention.attention.value")
      .replace(/\.attention\.o_proj\b/, ".attention.output.dense")
      .replace(/\.mlp\.fc1\b/, ".intermediate.dense")
      .replace(/\.mlp\.fc2\b/, ".output.dense")
      .replace(/(layer\.\d+)\.relative_position_bias\./, "$1.attention.attention.relative_position_bias.")
      .replace("shared_position_bias.", "encoder.relative_position_bias."),
  newer: (name) =>
    name
      .replace(/\.attention\.attention\.(q|k|v)[a-z]+$/, ".attention.$1_proj")
      .replace(/\.attention\.output\.dense$/, ".attention.o_proj")
      .replace(/\.intermediate\.dense$/, ".mlp.fc1")
      .replace(/\.output\.dense$/, ".mlp.fc2")
      .replace("encoder.layer.", "layers."),
  blueprint,
};

interface Settings {
  channels: number;
  image: [number, number];
  patch: [number, number];
  /** patches in a column and in a row */
  window: [number, number];
  features: number;
  heads: number;
  inner: number;
  epsilon: number;
  layerScale: boolean;
  /** which of the two relative biases there are, and whether absolute positions are added */
  bias: { perLayer: boolean; shared: boolean };
  absolute: boolean;
  meanPooling: boolean;
}

function blueprint(config: Config): Blueprint {
  const features = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  config.divides("num_attention_heads", "hidden_size", heads, features);
  const image = config.size("image_size", 224);
  const patch = config.size("patch_size", 16);
  const settings: Settings = {
    channels: config.count("num_channels", 3),
    image,
    patch,
    window: [Math.floor(image[0] / patch[0]), Math.floor(image[1] / patch[1])],
    features,
    heads,
    inner: config.count("intermediate_size"),
    epsilon: config.number("layer_norm_eps", 1e-12),
    layerScale: config.number("layer_scale_init_value", 0.1) > 0,
    bias: {
      perLayer: config.flag("use_relative_position_bias", false),
      shared: config.flag("use_shared_relative_position_bias", false),
    },
    absolute: config.flag("use_absolute_position_embeddings", false),
    meanPooling: config.flag("use_mean_pooling", true),
  };
  const { window, layerScale, bias, epsilon, meanPooling } = settings;
  if (!(window[0] && window[1])) throw new UserError(`${config.path}: patch_size is larger than image_size`);
  if (settings.absolute && image[0] !== image[1])
    throw new UserError(
      `${config.path}: absolute positions (use_absolute_position_embeddings) on images of ${image.join(" × ")} are not implemented, ` +
        "as transformers interpolates them; take a checkpoint for square images",
    );
  const act = activation(config.choice("hidden_act", activationNames, "gelu"));
  const layers = config.count("num_hidden_layers");
  const headNorm = meanPooling ? "beit.pooler.layernorm" : "beit.layernorm";
  const normed = <T extends tf.Tensor>(weights: Weights, name: string, x: T) =>
    layerNorm(x, weights.get(`${name}.weight`), weights.get(`${name}.bias`), epsilon);
  return {
    layers,
    features,
    size: () => {
      const tokens = 1 + window[0] * window[1];
      const pixels = settings.channels * image[0] * image[1];
      const layer = layerBytes(tokens, features, settings.inner, heads);
      return {
        tokens,
        embed: 4 * (3 * pixels + 6 * tokens * features),
        layer,
        operations: 2 * pixels * features,
      };
    },
    context: {
      needs: bias.shared ? { [SHARED_BIAS]: tableNeed(settings) } : {},
      apply: (weights, input) => context(settings, weights, input),
    },
    embed: {
      needs: embedNeeds(settings),
      prepare: (weights) => ({
        [`${PATCHES}.weight`]: weights.get(`${PATCHES}.weight`).reshape([features, -1]),
      }),
      apply: (weights, input) => embed(settings, weights, input),
    },
    layer: (index) => ({
      needs: layerNeeds(settings, index),
      prepare: (weights) => {
        const table = biasTable(index);
        return bias.perLayer ? { [table]: expandBias(settings, weights.get(table)) } : {};
      },
      apply: (weights, hidden, { tensors }) => {
        const at = `beit.encoder.layer.${index}`;
        const scaled = (lambda: string, x: tf.Tensor3D) =>
          layerScale ? x.mul<tf.Tensor3D>(weights.get(`${at}.${lambda}`)) : x;
        const own = bias.perLayer ? weights.get(biasTable(index)) : undefined;
        const scores = own && tensors["bias"] ? own.add(tensors["bias"]) : (own ?? tensors["bias"]);
        const attend = (x: tf.Tensor3D) =>
          selfAttention(heads, weights, at, normed(weights, `${at}.layernorm_before`, x), scores);
        const feed = (x: tf.Tensor3D) =>
          weights.project(
            `${at}.output.dense`,
            act(weights.project(`${at}.intermediate.dense`, normed(weights, `${at}.layernorm_after`, x))),
          );
        const attended = hidden.add<tf.Tensor3D>(tf.tidy(() => scaled("lambda_1", attend(hidden))));
        return attended.add(tf.tidy(() => scaled("lambda_2", feed(attended))));
      },
    }),
    pool: {
      needs: norm(headNorm, features),
      // the class token's norm may follow the pooling too: it looks at one token at a time
      apply: (weights, hidden, { pool }) => normed(weights, headNorm, average(hidden, pool)),
    },
    head: (classes) => ({
      needs: linear("classifier", features, classes),
      apply: (weights, pooled) => weights.project("classifier", pooled),
    }),
  };
}

function biasTable(index: number): string {
  return `beit.encoder.layer.${index}.attention.attention.relative_position_bias.relative_position_bias_table`;
}

/** One row for each offset of two patches, and three for the class token. */
function tableNeed({ window: [rows, columns], heads }: Settings): { shape: number[] } {
  return { shape: [(2 * rows - 1) * (2 * columns - 1) + 3, heads] };
}

function context(settings: Settings, weights: Weights, { values }: EncoderInput): Context {
  const { channels, image, window, meanPooling, bias } = settings;
  const [batch, ...size] = values.shape;
  if (values.shape.length !== 4 || size.join() !== [channels, ...image].join())
    throw new UserError(
      `images of ${size.join(" × ")} do not fit an encoder of ${[channels, ...image].join(" × ")} ` +
        "(channels × height × width); resize them as preprocessor_config.json says",
    );
  const patches = window[0] * window[1];
  const pool = new Float32Array(1 + patches).fill(meanPooling ? 1 / patches : 0);
  pool[0] = meanPooling ? 0 : 1;
  return {
    mean: tf.fill([batch!, 1, 1 + patches], 1 / (1 + patches)),
    pool: tf.tensor3d(pool, [1, 1, 1 + patches]).tile([batch!, 1, 1]),
    tensors: bias.shared ? { bias: expandBias(settings, weights.get(SHARED_BIAS)) } : {},
  };
}

/**
 * The table as transformers reads it: its offsets as an image with rows and columns exchanged, which it resizes to their numbers
 * (bilinear, pixel centres at halves). On a square of patches that changes nothing.
 */
function asRead({ window: [rows, columns], heads }: Settings, table: tf.Tensor): tf.Tensor {
  if (rows === columns) return table;
  const [height, width] = [2 * rows - 1, 2 * columns - 1];
  const image = table.slice([0, 0], [height * width, heads]).reshape<tf.Tensor3D>([width, height, heads]);
  const resized = tf.image.resizeBilinear(image, [height, width], false, true);
  return tf.concat([resized.reshape([height * width, heads]), table.slice([height * width, 0])]);
}

/** table [offsets, heads] → [1, heads, tokens, tokens], token 0 being the class token */
function expandBias(settings: Settings, stored: tf.Tensor): tf.Tensor {
  const { window: [rows, columns], heads } = settings; // prettier-ignore
  const table = asRead(settings, stored);
  const tokens = rows * columns + 1;
  const offsets = table.shape[0]!;
  const index = new Int32Array(tokens * tokens);
  for (let from = 1; from < tokens; from++) {
    for (let to = 1; to < tokens; to++) {
      const down = Math.floor((from - 1) / columns) - Math.floor((to - 1) / columns);
      const right = ((from - 1) % columns) - ((to - 1) % columns);
      index[from * tokens + to] = (down + rows - 1) * (2 * columns - 1) + right + columns - 1;
    }
  }
  index.fill(offsets - 3, 0, tokens); // class token to patches
  for (let from = 1; from < tokens; from++) index[from * tokens] = offsets - 2; // patches to class token
  index[0] = offsets - 1;
  return table
    .gather(tf.tensor1d(index, "int32")) // [tokens · tokens, heads]
    .reshape([tokens, tokens, heads])
    .transpose([2, 0, 1])
    .expandDims(0);
}

function embedNeeds({ channels, patch, window, features, absolute }: Settings): Needs {
  return {
    [`${PATCHES}.weight`]: { shape: [features, channels, ...patch] },
    [`${PATCHES}.bias`]: { shape: [features] },
    [CLASS_TOKEN]: { shape: [1, 1, features] },
    ...(absolute ? { [POSITIONS]: { shape: [1, window[0] * window[1] + 1, features] } } : {}),
  };
}

function embed(settings: Settings, weights: Weights, input: EncoderInput): tf.Tensor3D {
  const batch = input.values.shape[0]!;
  const projected = weights.project(PATCHES, patches(settings, input)); // [batch, patches, features]
  const classToken = weights.get<tf.Tensor3D>(CLASS_TOKEN).tile<tf.Tensor3D>([batch, 1, 1]);
  const tokens = tf.concat([classToken, projected], 1);
  return settings.absolute ? tokens.add(weights.get(POSITIONS)) : tokens;
}

/** The convolution with stride = width cuts the image: [batch, channels, height, width] → [batch, patches, channels · patch]. */
function patches({ channels, image, patch, window }: Settings, { values }: EncoderInput): tf.Tensor3D {
  const batch = values.shape[0]!;
  const [rows, columns] = window;
  const size = channels * patch[0] * patch[1];
  const out = new Float32Array(batch * rows * columns * size);
  let to = 0;
  for (let item = 0; item < batch; item++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        for (let channel = 0; channel < channels; channel++)
          for (let y = 0; y < patch[0]; y++) {
            const line =
              ((item * channels + channel) * image[0] + row * patch[0] + y) * image[1] + column * patch[1];
            out.set(values.data.subarray(line, line + patch[1]), to);
            to += patch[1];
          }
  return tf.tensor3d(out, [batch, rows * columns, size]);
}

function layerNeeds(settings: Settings, index: number): Needs {
  const { features, inner, layerScale, bias } = settings;
  const at = `beit.encoder.layer.${index}`;
  return {
    ...norm(`${at}.layernorm_before`, features),
    ...linear(`${at}.attention.attention.query`, features, features),
    ...linear(`${at}.attention.attention.key`, features, features, false),
    ...linear(`${at}.attention.attention.value`, features, features),
    ...linear(`${at}.attention.output.dense`, features, features),
    ...norm(`${at}.layernorm_after`, features),
    ...linear(`${at}.intermediate.dense`, features, inner),
    ...linear(`${at}.output.dense`, inner, features),
    ...(layerScale
      ? { [`${at}.lambda_1`]: { shape: [features] }, [`${at}.lambda_2`]: { shape: [features] } }
      : {}),
    ...(bias.perLayer ? { [biasTable(index)]: tableNeed(settings) } : {}),
  };
}

function selfAttention(
  heads: number,
  weights: Weights,
  at: string,
  x: tf.Tensor3D,
  bias?: tf.Tensor,
): tf.Tensor3D {
  const projection = `${at}.attention.attention`;
  const mixed = attention(
    weights.project(`${projection}.query`, x),
    weights.project(`${projection}.key`, x),
    weights.project(`${projection}.value`, x),
    heads,
    bias && { matrix: bias as tf.Tensor4D },
  );
  return weights.project(`${at}.attention.output.dense`, mixed);
}
