import type * as tf from "@tensorflow/tfjs";
import type { HostTensor } from "../formats/safetensors.js";
import type { Config } from "./config.js";
import type { Needs, Weights } from "./weights.js";

/**
 * One batch of an encoder's inputs, in host memory: audio float32 [batch, samples], token ids int32 [batch, tokens], or images
 * float32 [batch, channels, height, width]. `mask` int32 [batch, samples or tokens]: 1 is real, 0 is padding.
 */
export interface EncoderInput {
  values: HostTensor;
  mask?: HostTensor;
}

/** What the layers share for one batch. */
export type Context = {
  /** weights with which tokens are averaged into features, each row a sum of 1: [batch, 1, tokens]; padding has 0 */
  mean: tf.Tensor3D;
  /** the same for what a head reads: Llama's last token, BEiT's patches or class token, WavLM's mean */
  pool: tf.Tensor3D;
  /** rotary tables, masks, position biases: whatever the architecture's layers use */
  tensors: Record<string, tf.Tensor>;
};

/** What one item of an input takes on its way through an encoder, in bytes of float32. */
export interface ItemSize {
  tokens: number;
  /** what is alive at most while it is embedded */
  embed: number;
  /** and while it passes a layer, where scores of attention are whole tensors */
  layer: number;
  /** multiplications and additions of its way to hidden state 0 */
  operations: number;
}

/** A part of an encoder that is loaded at once: the tensors it needs, and what it computes with them. */
export interface Stage<Apply> {
  needs: Needs;
  /** Tensors derived once after loading; they take the place of those of the same name. */
  prepare?: (weights: Weights) => Record<string, tf.Tensor>;
  apply: Apply;
}

/** An encoder of given dimensions, stage by stage. */
export interface Blueprint {
  layers: number;
  features: number;
  /** What an item takes whose values are of this shape, [samples], [tokens] or [channels, height, width]. */
  size(item: number[]): ItemSize;
  /** @throws UserError for an input that does not fit: too short, an id beyond the vocabulary, another image size. */
  context: Stage<(weights: Weights, input: EncoderInput) => Context>;
  /** hidden state 0 [batch, tokens, features] */
  embed: Stage<(weights: Weights, input: EncoderInput, context: Context) => tf.Tensor3D>;
  /** hidden state i → i + 1, the last one with Llama's final norm, as transformers counts */
  layer(index: number): Stage<(weights: Weights, hidden: tf.Tensor3D, context: Context) => tf.Tensor3D>;
  /** last hidden state → what a head reads [batch, features]: pooled, with the norm that is still due */
  pool: Stage<(weights: Weights, hidden: tf.Tensor3D, context: Context) => tf.Tensor2D>;
  /** that → logits [batch, classes], given the rows of the checkpoint's classifier */
  head(classes: number): Stage<(weights: Weights, pooled: tf.Tensor2D) => tf.Tensor2D>;
}

/** A family of encoders, found by `model_type` in config.json. */
export interface Architecture {
  /** Other `model_type`s, which are not implemented, and to which this is the nearest. */
  kin: RegExp;
  modality: "audio" | "text" | "image";
  /** what transformers calls the input: the tensor's name in reference files */
  inputName: string;
  /** prefix of the encoder's tensors in a checkpoint with a head; one of the bare encoder goes without */
  prefix: string;
  /** what stands before a layer's number in the encoder's own names, in any spelling; a regular expression */
  layerPart: string;
  /** With `tie_word_embeddings`, the published names of two tensors that are one: the encoder's, and the head's. */
  tied?: { name: string; as: string };
  /** the classifier's matrix [classes, …], there in checkpoints with a head */
  classifier: string;
  /** what transformers calls the encoder with that head */
  withHead: string;
  /** Newer spellings of tensor names to the published one, without prefix. */
  published?(name: string): string;
  /** the published name of a projection to the newer one, in which adapters' `target_modules` may be */
  newer?(name: string): string;
  /** @throws UserError for a config that lacks a field or asks for a variant that is not implemented. */
  blueprint(config: Config): Blueprint;
}
