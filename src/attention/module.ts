import type * as tf from "@tensorflow/tfjs";
import type { ParameterSpec, Tensors } from "../parameters.js";

/**
 * What tfjs holds to the end of a step. The modules have it from measurement: tests compare it with the allocations of every row.
 */
export interface Held {
  /** Results that a gradient needs, from the forward pass on. */
  forward: number;
  /** Gradients and what they are made of, that of the input included, from the backward pass on. */
  backward: number;
}

/**
 * The one contract between hidden states and decoder: float32 [batch, layers, features] in, the same rank out.
 * Attention mechanisms keep the shape; projections and the choice of layers change it.
 */
export interface Module {
  readonly parameters: Record<string, ParameterSpec>;
  /** [layers, features] of the output. */
  readonly outputShape: [number, number];
  /** Numbers, beside its parameters and its input, that a training step on so many items holds for it. */
  held(items: number): Held;
  /** What an item becomes depends on the other items of its batch, in training at least: a batch cannot be taken in parts. */
  readonly mixesItems?: boolean;
  /** Differentiable with respect to `x` and every trainable parameter. */
  apply(x: tf.Tensor3D, parameters: Tensors, training?: boolean): tf.Tensor3D;
  /** The attention map: [batch, layers, features] for densities, [batch, heads, query, key] for dot products. */
  map?(x: tf.Tensor3D, parameters: Tensors): tf.Tensor;
}
