import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Module } from "./module.js";
import { constant, torchDefault, trainable, xavierUniform, type Tensors } from "../parameters.js";

export interface DotProductOptions {
  layers: number;
  features: number;
  heads: number;
  /** The axis attended over: the layers, as the paper says, or the batch, as its published code does. */
  over: "layers" | "batch";
}

/**
 * Multi-head dot-product attention as PyTorch's `MultiheadAttention`: no residual, no dropout.
 * Parameters: `inKernel` [features, 3 · features] (query, key, value), `inBias`, `outKernel` [features, features], `outBias`;
 * PyTorch's initial values.
 * @throws UserError where the features do not divide into the heads.
 */
export function dotProductAttention({ layers, features, heads, over }: DotProductOptions): Module {
  requireDivisible(features, heads);
  return {
    parameters: {
      inKernel: trainable([features, 3 * features], xavierUniform(features, 3 * features)),
      inBias: trainable([3 * features], constant(0)),
      outKernel: trainable([features, features], torchDefault(features)),
      outBias: trainable([features], constant(0)),
    },
    outputShape: [layers, features],
    held: (items) => {
      const values = items * layers * features;
      const maps = heads * items * layers * (over === "layers" ? layers : items);
      const kept = over === "layers" ? 13 : 15; // transposed there and back
      return { forward: kept * values + maps, backward: kept * values + 3 * maps };
    },
    mixesItems: over === "batch",
    apply: (x, p) => tf.tidy(() => attend(sequenceFirst(x, over), p, heads, over)),
    map: (x, p) => tf.tidy(() => weights(sequenceFirst(x, over), p, heads).map),
  };
}

/** The attended axis is made the second: the layers stand there already. */
function sequenceFirst(x: tf.Tensor3D, over: "layers" | "batch"): tf.Tensor3D {
  return over === "layers" ? x : tf.transpose(x, [1, 0, 2]);
}

function attend(x: tf.Tensor3D, p: Tensors, heads: number, over: "layers" | "batch"): tf.Tensor3D {
  const [rows, length, features] = x.shape;
  const { map, value } = weights(x, p, heads);
  const mixed = tf.matMul(map, value).transpose([0, 2, 1, 3]); // (R, H, S, d/H) → (R, S, H, d/H)
  const y = linear(mixed.reshape([rows * length, features]), p.outKernel!, p.outBias!).reshape(
    x.shape,
  ) as tf.Tensor3D;
  return sequenceFirst(y, over);
}

/** Attention map [rows, heads, query, key] and values [rows, heads, key, features / heads]. */
function weights(x: tf.Tensor3D, p: Tensors, heads: number): { map: tf.Tensor4D; value: tf.Tensor4D } {
  const [rows, length, features] = x.shape;
  const width = features / heads;
  const projected = linear(x.reshape([rows * length, features]), p.inKernel!, p.inBias!);
  const parts = projected.reshape([rows, length, 3, heads, width]).transpose([2, 0, 3, 1, 4]); // (3, R, H, S, d/H)
  const [query, key, value] = tf.unstack(parts) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const map = tf.softmax(tf.matMul(query.mul(1 / Math.sqrt(width)), key, false, true)) as tf.Tensor4D;
  return { map, value };
}

/** x · kernel + bias, [n, in] × [in, out]. */
export function linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  return tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor2D).add(bias);
}

export function requireDivisible(features: number, heads: number): void {
  if (!Number.isInteger(heads) || heads < 1 || features % heads !== 0) {
    throw new UserError(
      `${features} features do not divide into ${heads} heads: choose a divisor of ${features}`,
    );
  }
}
