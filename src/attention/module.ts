import type * as tf from "@tensorflow/tfjs";
import type { ParameterSpec, Tensors } from "../parameters.js";

/**
 * The one contract between hidden states and decoder: float32 [batch, layers, features] in, the same rank out.
 * Attention mechanisms keep the shape; projections and the choice of layers change it.
 */
export interface Module {
  readonly parameters: Record<string, ParameterSpec>;
  /** [layers, features] of the output. */
  readonly outputShape: [number, number];
  /** Differentiable with respect to `x` and every trainable parameter. */
  apply(x: tf.Tensor3D, parameters: Tensors, training?: boolean): tf.Tensor3D;
  /** The attention map: [batch, layers, features] for densities, [batch, heads, query, key] for dot products. */
  map?(x: tf.Tensor3D, parameters: Tensors): tf.Tensor;
}
