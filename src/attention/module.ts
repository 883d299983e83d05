import type * as tf from "@tensorflow/tfjs";

/** Tensors by parameter name. */
export type Parameters = Record<string, tf.Tensor>;

/** How a parameter's values are drawn; a distribution is data, so that trainers and tf.layers draw it each in their way. */
export type Initial =
  | { kind: "constant"; value: number }
  /** Uniform in ± bound. */
  | { kind: "uniform"; bound: number }
  | { kind: "normal"; sd: number }
  /** exp of a standard normal. */
  | { kind: "exp-normal" };

export interface ParameterSpec {
  shape: number[];
  initial: Initial;
  /** False for running statistics and for what an ablation freezes. */
  trainable: boolean;
}

/**
 * The one contract between hidden states and decoder: float32 [batch, layers, features] in, the same rank out.
 * Attention mechanisms keep the shape; projections and the choice of layers change it.
 */
export interface Module {
  readonly parameters: Record<string, ParameterSpec>;
  /** [layers, features] of the output. */
  readonly outputShape: [number, number];
  /** Differentiable with respect to `x` and every trainable parameter. */
  apply(x: tf.Tensor3D, parameters: Parameters, training?: boolean): tf.Tensor3D;
  /** The attention map: [batch, layers, features] for densities, [batch, heads, query, key] for dot products. */
  map?(x: tf.Tensor3D, parameters: Parameters): tf.Tensor;
}

export const constant = (value: number): Initial => ({ kind: "constant", value });

/** Glorot & Bengio (2010), as PyTorch's `xavier_uniform_`. */
export const xavierUniform = (fanIn: number, fanOut: number): Initial => ({
  kind: "uniform",
  bound: Math.sqrt(6 / (fanIn + fanOut)),
});

/** As PyTorch's `xavier_normal_`. */
export const xavierNormal = (fanIn: number, fanOut: number): Initial => ({
  kind: "normal",
  sd: Math.sqrt(2 / (fanIn + fanOut)),
});

/** PyTorch's default for the weight and bias of linear layers and convolutions: uniform in ± 1 / sqrt(fan in). */
export const torchDefault = (fanIn: number): Initial => ({ kind: "uniform", bound: 1 / Math.sqrt(fanIn) });

export const trainable = (shape: number[], initial: Initial): ParameterSpec => ({
  shape,
  initial,
  trainable: true,
});
