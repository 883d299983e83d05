import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Architecture, Blueprint, Context, EncoderInput } from "./architecture.js";
import type { HostTensor } from "../formats/safetensors.js";
import { Config } from "./config.js";
import { attention, keyMask } from "./attention.js";
import { activation, activationNames, average, inOneKernel, rmsNorm } from "./ops.js";
import { layerBytes } from "./size.js";
import { linear, norm, type Needs, type Weights } from "./weights.js";

const EMBEDDING = "model.embed_tokens.weight";
const FINAL_NORM = "model.norm";
const { fround } = Math;

/**
 * Llama 2 (arXiv 2307.09288), numerically as transformers 5.18: RMS norm, rotary positions counted from the first column, SwiGLU,
 * grouped key-value heads, causal attention with a mask of padding on either side.
 */
export const llama: Architecture = {
  kin: /llama|mistral|mixtral|ministral|qwen|gemma|phi|gpt|olmo|falcon|bloom|granite|cohere|deepseek|glm|smollm|stablelm|exaone|yi|opt|mamba|t5|bert|electra|xlnet/,
  modality: "text",
  inputName: "input_ids",
  prefix: "model.",
  layerPart: "layers",
  tied: { name: EMBEDDING, as: "lm_head.weight" },
  classifier: "score.weight",
  withHead: "LlamaForSequenceClassification",
  blueprint,
};

interface Settings {
  folder: string;
  vocabulary: number;
  features: number;
  heads: number;
  keyHeads: number;
  /** features of one head */
  d: number;
  inner: number;
  biases: { attention: boolean; mlp: boolean };
  /** of the rotary positions, [d / 2] */
  frequencies: Float32Array;
  /** id that fills up shorter texts, where the config has one */
  padding?: number;
}

function blueprint(config: Config): Blueprint {
  const features = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const keyHeads = config.count("num_key_value_heads", heads);
  config.divides("num_key_value_heads", "num_attention_heads", keyHeads, heads);
  if (!config.has("head_dim")) config.divides("num_attention_heads", "hidden_size", heads, features);
  const d = config.count("head_dim", Math.floor(features / heads));
  config.divides("2 (rotary positions pair features)", "the features of a head", 2, d);
  const [vocabulary, padding] = [config.count("vocab_size"), config.tokenId("pad_token_id")];
  const settings: Settings = {
    folder: dirname(config.path),
    vocabulary,
    features,
    heads,
    keyHeads,
    d,
    inner: config.count("intermediate_size"),
    biases: { attention: config.flag("attention_bias", false), mlp: config.flag("mlp_bias", false) },
    frequencies: rotaryFrequencies(config, d),
    // an id without an embedding, of a token that was added later, stands in no text
    padding: padding !== undefined && padding < vocabulary ? padding : undefined,
  };
  const epsilon = config.number("rms_norm_eps", 1e-6);
  const act = activation(config.choice("hidden_act", activationNames, "silu"));
  const layers = config.count("num_hidden_layers");
  return {
    layers,
    features,
    size: ([tokens]) => ({
      tokens: tokens!,
      embed: 8 * tokens! * features,
      layer: layerBytes(tokens!, features, settings.inner, heads),
      operations: 0,
    }),
    context: { needs: {}, apply: (_, input) => context(settings, input) },
    embed: {
      needs: { [EMBEDDING]: { shape: [settings.vocabulary, features] } },
      apply: (weights, { values }) =>
        weights
          .get<tf.Tensor3D>(EMBEDDING)
          .gather(tf.tensor2d(values.data, values.shape as [number, number], "int32")),
    },
    layer: (index) => ({
      needs: {
        ...layerNeeds(settings, index),
        ...(index === layers - 1 ? norm(FINAL_NORM, features, false) : {}),
      },
      apply: (weights, hidden, shared) => {
        const at = `model.layers.${index}`;
        const normed = (name: string, x: tf.Tensor3D) => rmsNorm(x, weights.get(`${name}.weight`), epsilon);
        const attend = (x: tf.Tensor3D) =>
          selfAttention(settings, weights, `${at}.self_attn`, normed(`${at}.input_layernorm`, x), shared);
        const feed = (x: tf.Tensor3D) => {
          const gate = act(weights.project(`${at}.mlp.gate_proj`, x));
          return weights.project(`${at}.mlp.down_proj`, gate.mul(weights.project(`${at}.mlp.up_proj`, x)));
        };
        const attended = hidden.add<tf.Tensor3D>(tf.tidy(() => attend(hidden)));
        const fed = attended.add<tf.Tensor3D>(
          tf.tidy(() => feed(normed(`${at}.post_attention_layernorm`, attended))),
        );
        return index === layers - 1 ? normed(FINAL_NORM, fed) : fed;
      },
    }),
    pool: { needs: {}, apply: (_, hidden, { pool }) => average(hidden, pool) },
    head: (classes) => ({
      needs: linear("score", features, classes, false),
      apply: (weights, pooled) => weights.project("score", pooled),
    }),
  };
}

/** What each kind of scaling makes of the rotary frequencies, numerically as transformers 5.18 (in float32). */
const scalings: Record<string, (record: Config, frequencies: Float32Array) => Float32Array> = {
  default: (_, frequencies) => frequencies,
  linear: (record, frequencies) => {
    const factor = record.number("factor");
    return frequencies.map((frequency) => frequency / factor);
  },
  // wavelengths that the context of pre-training held many of stay, those that it did not hold are stretched, and between there is a ramp
  llama3: (record, frequencies) => {
    const [factor, low, high] = ["factor", "low_freq_factor", "high_freq_factor"].map((name) =>
      record.number(name),
    );
    const context = record.number("original_max_position_embeddings");
    return frequencies.map((frequency) => {
      const turns = fround(context / fround(fround(2 * Math.PI) / frequency));
      if (turns > high!) return frequency;
      if (turns < low!) return fround(frequency / factor!);
      const smooth = fround(fround(turns - low!) / (high! - low!));
      return fround(fround(fround(fround(1 - smooth) * frequency) / factor!) + fround(smooth * frequency));
    });
  },
};
const unscaled = "take the checkpoint from before its context was lengthened";
const remedies: Record<string, string> = {
  dynamic:
    "it acts on texts longer than max_position_embeddings alone: where there are none, take rope_scaling out of config.json",
  yarn: unscaled,
  longrope: unscaled,
};

/**
 * The rotary frequencies [d / 2]; newer configs keep all about them in a record.
 * @throws UserError for a kind of scaling that is not implemented, or a part of the features that turns alone.
 */
function rotaryFrequencies(config: Config, d: number): Float32Array {
  const field = ["rope_parameters", "rope_scaling"].find((name) => config.has(name));
  const fields = field ? (config.fields[field] as Record<string, unknown>) : {};
  const record = new Config(`${config.path} (${field})`, {
    original_max_position_embeddings: config.fields["max_position_embeddings"],
    ...fields,
    // outside the record it has precedence
    ...(config.has("original_max_position_embeddings")
      ? { original_max_position_embeddings: config.fields["original_max_position_embeddings"] }
      : {}),
  });
  const kind = String(fields["rope_type"] ?? fields["type"] ?? "default");
  const scale = Object.hasOwn(scalings, kind) ? scalings[kind] : undefined;
  if (!scale)
    throw new UserError(
      `${config.path}: rotary positions of type ${JSON.stringify(kind)} are not implemented, only ` +
        `${Object.keys(scalings).join(", ")}${Object.hasOwn(remedies, kind) ? `: ${remedies[kind]}` : ""}`,
    );
  if (record.number("partial_rotary_factor", config.number("partial_rotary_factor", 1)) !== 1)
    throw new UserError(
      `${config.path}: partial_rotary_factor other than 1 is not implemented; take another checkpoint`,
    );
  const theta = record.number("rope_theta", config.number("rope_theta", 10000));
  return scale(
    record,
    Float32Array.from({ length: d / 2 }, (_, i) => theta ** ((-2 * i) / d)),
  );
}

function context(settings: Settings, { values, mask }: EncoderInput): Context {
  const [batch, tokens] = values.shape as [number, number];
  if (tokens < 1) throw new UserError("a text without any token; begin it with the tokenizer's <s>");
  const beyond = values.data.find((id) => !(id >= 0 && id < settings.vocabulary));
  if (beyond !== undefined)
    throw new UserError(
      `${settings.folder}: token ${beyond} is beyond the vocabulary of ${settings.vocabulary}: the tokenizer is another model's; ` +
        "take the tokenizer.json of this checkpoint",
    );
  const causal = new Float32Array(tokens * tokens);
  for (let t = 0; t < tokens; t++) causal.fill(-1e9, t * tokens + t + 1, (t + 1) * tokens);
  const real = mask ? mask.data : new Int32Array(batch * tokens).fill(1);
  const present = tf.tensor3d(Float32Array.from(real), [batch, 1, tokens]);
  return {
    mean: present.div<tf.Tensor3D>(present.sum(-1, true).maximum(1)),
    pool: lastToken(values.data, real, [batch, tokens], settings.padding),
    tensors: {
      ...rotaryTables(settings, tokens),
      causal: tf.tensor4d(causal, [1, 1, tokens, tokens]),
      ...(mask && { keys: keyMask(real, batch, tokens) }),
    },
  };
}

/** cos and sin of position × frequency [tokens, 1, d], the frequencies twice; sin with the sign of the rotation (−x₂, x₁). */
function rotaryTables({ d, frequencies }: Settings, tokens: number): { cos: tf.Tensor; sin: tf.Tensor } {
  const half = d / 2;
  const [cos, sin] = [new Float32Array(tokens * d), new Float32Array(tokens * d)];
  for (let t = 0; t < tokens; t++) {
    for (let i = 0; i < half; i++) {
      // the angle in float32, as PyTorch has it: at position 4,000 its rounding shows
      const angle = fround(t * frequencies[i]!);
      cos[t * d + i] = cos[t * d + half + i] = Math.cos(angle);
      sin[t * d + i] = -Math.sin(angle);
      sin[t * d + half + i] = Math.sin(angle);
    }
  }
  return { cos: tf.tensor3d(cos, [tokens, 1, d]), sin: tf.tensor3d(sin, [tokens, 1, d]) };
}

/** One-hot [batch, 1, tokens] of the token that the head reads: the last that is not the padding id (or not masked). */
function lastToken(
  ids: HostTensor["data"],
  real: HostTensor["data"],
  [batch, tokens]: [number, number],
  padding?: number,
): tf.Tensor3D {
  const pool = new Float32Array(batch * tokens);
  for (let item = 0; item < batch; item++) {
    const row = item * tokens;
    let last = tokens - 1;
    while (last > 0 && (padding === undefined ? !real[row + last] : ids[row + last] === padding)) last--;
    pool[row + last] = 1;
  }
  return tf.tensor3d(pool, [batch, 1, tokens]);
}

function layerNeeds({ features, heads, keyHeads, d, inner, biases }: Settings, index: number): Needs {
  const at = `model.layers.${index}`;
  return {
    ...norm(`${at}.input_layernorm`, features, false),
    ...linear(`${at}.self_attn.q_proj`, features, heads * d, biases.attention),
    ...linear(`${at}.self_attn.k_proj`, features, keyHeads * d, biases.attention),
    ...linear(`${at}.self_attn.v_proj`, features, keyHeads * d, biases.attention),
    ...linear(`${at}.self_attn.o_proj`, heads * d, features, biases.attention),
    ...norm(`${at}.post_attention_layernorm`, features, false),
    ...linear(`${at}.mlp.gate_proj`, features, inner, biases.mlp),
    ...linear(`${at}.mlp.up_proj`, features, inner, biases.mlp),
    ...linear(`${at}.mlp.down_proj`, inner, features, biases.mlp),
  };
}

function selfAttention(
  { heads, keyHeads, d }: Settings,
  weights: Weights,
  at: string,
  x: tf.Tensor3D,
  { tensors: { cos, sin, causal, keys } }: Context,
): tf.Tensor3D {
  const [batch, tokens] = x.shape;
  const rotate = (y: tf.Tensor3D, heads: number): tf.Tensor3D => {
    if (inOneKernel("Rotary")) return tf.engine().runKernel("Rotary", { x: y, cos: cos!, sin: sin! });
    const split = y.reshape<tf.Tensor4D>([batch, tokens, heads, d]);
    const [first, second] = tf.split(split, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
    const turned = split.mul<tf.Tensor4D>(cos!).add(tf.concat([second, first], 3).mul(sin!));
    return turned.reshape(y.shape);
  };
  const query = rotate(weights.project(`${at}.q_proj`, x), heads);
  const key = rotate(weights.project(`${at}.k_proj`, x), keyHeads);
  const value = weights.project(`${at}.v_proj`, x);
  const mixed = attention(query, key, value, heads, {
    matrix: causal as tf.Tensor4D,
    keys: keys as tf.Tensor4D | undefined,
  });
  return weights.project(`${at}.o_proj`, mixed);
}
