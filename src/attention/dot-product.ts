import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { hasKernel } from "../kernel.js";
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
    // where one kernel attends; transposed there and back over the batch
    held: (items) => {
      const values = items * layers * features;
      return over === "layers"
        ? { forward: 5 * values, backward: 8 * values }
        : { forward: 7 * values, backward: 9 * values };
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
  const mixed = hasKernel("DotProductAttention")
    ? mixInOneKernel(project(x, p), heads, x.shape[1])
    : mix(x, p, heads);
  const y = linear(mixed, p.outKernel!, p.outBias!).reshape(x.shape) as tf.Tensor3D;
  return sequenceFirst(y, over);
}

/** Values by their weights, [rows · length, features]. */
function mix(x: tf.Tensor3D, p: Tensors, heads: number): tf.Tensor {
  const [rows, length, features] = x.shape;
  const { map, value } = weights(x, p, heads);
  const mixed = tf.matMul(map, value).transpose([0, 2, 1, 3]); // (R, H, S, d/H) → (R, S, H, d/H)
  return mixed.reshape([rows * length, features]);
}

function mixInOneKernel(projected: tf.Tensor2D, heads: number, length: number): tf.Tensor {
  const run = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [projected, save] = inputs as [tf.Tensor2D, tf.GradSaveFunc];
    save([projected]);
    return {
      value: tf.engine().runKernel("DotProductAttention", { projected }, { heads, length }) as tf.Tensor,
      gradFunc: (dy: tf.Tensor, [projected]: tf.Tensor[]) =>
        tf
          .engine()
          .runKernel(
            "DotProductAttentionGrad",
            { dy, projected: projected! },
            { heads, length },
          ) as tf.Tensor,
    };
  });
  return run(projected);
}

/** Query, key and value of every row, [rows · length, 3 · features]. */
function project(x: tf.Tensor3D, p: Tensors): tf.Tensor2D {
  const [rows, length, features] = x.shape;
  return linear(x.reshape([rows * length, features]), p.inKernel!, p.inBias!);
}

/** Attention map [rows, heads, query, key] and values [rows, heads, key, features / heads]. */
function weights(x: tf.Tensor3D, p: Tensors, heads: number): { map: tf.Tensor4D; value: tf.Tensor4D } {
  const [rows, length, features] = x.shape;
  const width = features / heads;
  const parts = project(x, p).reshape([rows, length, 3, heads, width]).transpose([2, 0, 3, 1, 4]); // (3, R, H, S, d/H)
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
