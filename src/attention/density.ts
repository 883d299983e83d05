import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { hasKernel } from "../kernel.js";
import type { Module } from "./module.js";
import { constant, type Tensors } from "../parameters.js";

export interface DensityOptions {
  layers: number;
  features: number;
  /** Contiguous groups of layers, each with its own mean offset and scaled variance. */
  heads: number;
  /** What learns; both by default. */
  train?: readonly ("meanOffset" | "scaledVariance")[];
}

/**
 * Multi-head density adaptive attention over the layers: y = x · w with weights w = exp(−z² / 2c) of
 * z = (x − (mean + δ)) / sqrt(var + 1e-5), statistics over the layers of a head (paper, Algorithm 1).
 *
 * Parameters: `meanOffset` δ [heads, features], starts at 0; `scaledVariance` c [heads, features], starts at 2.
 * @throws UserError where the layers do not divide into the heads.
 */
export function densityAttention({ layers, features, heads, train }: DensityOptions): Module {
  if (!Number.isInteger(heads) || heads < 1 || layers % heads !== 0) {
    throw new UserError(`${layers} layers do not divide into ${heads} heads: choose a divisor of ${layers}`);
  }
  const learns = (name: "meanOffset" | "scaledVariance") => !train || train.includes(name);
  const shape = [heads, features];
  return {
    parameters: {
      meanOffset: { shape, initial: constant(0), trainable: learns("meanOffset") },
      scaledVariance: { shape, initial: constant(2), trainable: learns("scaledVariance") },
    },
    outputShape: [layers, features],
    held: (items) => ({ forward: items * layers * features, backward: items * layers * features }),
    apply: (x, p) => densityAttend(x, p.meanOffset!, p.scaledVariance!),
    map: (x, p) => densityWeights(x, p),
  };
}

/** Weights w, float32 [batch, layers, features], each in (0, 1]. */
function densityWeights(x: tf.Tensor3D, p: Tensors): tf.Tensor3D {
  return tf.tidy(() => statistics(x, p.meanOffset!, p.scaledVariance!).w.reshape(x.shape));
}

/**
 * y = x · w, with the gradient written out: one pass where the tape would record a dozen operations.
 * @param x float32 [batch, layers, features]
 * @param meanOffset δ, float32 [heads, features]
 * @param scaledVariance c, float32 [heads, features]
 */
export function densityAttend(x: tf.Tensor3D, meanOffset: tf.Tensor, scaledVariance: tf.Tensor): tf.Tensor3D {
  const attend = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const save = inputs.pop() as tf.GradSaveFunc;
    const [x, offset, c] = inputs as [tf.Tensor3D, tf.Tensor, tf.Tensor];
    save([x, offset, c]);
    return {
      value: forward(x, offset, c),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        gradients(dy, saved[0] as tf.Tensor3D, saved[1]!, saved[2]!),
    };
  });
  return attend(x, meanOffset, scaledVariance) as tf.Tensor3D;
}

function forward(x: tf.Tensor3D, meanOffset: tf.Tensor, scaledVariance: tf.Tensor): tf.Tensor {
  if (hasKernel("DensityAttention")) {
    return tf.engine().runKernel("DensityAttention", { x, meanOffset, scaledVariance });
  }
  const { xh, w } = statistics(x, meanOffset, scaledVariance);
  return xh.mul(w).reshape(x.shape);
}

function statistics(x: tf.Tensor3D, meanOffset: tf.Tensor, scaledVariance: tf.Tensor) {
  const [batch, layers, features] = x.shape;
  const heads = meanOffset.shape[0]!;
  const xh = x.reshape([batch, heads, layers / heads, features]); // (B, H, N/H, d)
  const deviation = xh.sub(xh.mean(2, true));
  // Two passes: avg(x²) − mean² cancels where the mean is large against the spread.
  const sd = deviation
    .square()
    .mean(2, true)
    .add(1e-8 + 1e-5)
    .sqrt(); // (B, H, 1, d)
  const z = deviation.sub(meanOffset.expandDims(1)).div(sd) as tf.Tensor4D;
  const c = scaledVariance.expandDims(1); // (H, 1, d)
  const w = z.square().div(c.mul(-2)).exp();
  return { xh, deviation, sd, z, c, w };
}

/** dL/dx, dL/dδ and dL/dc from dL/dy. */
function gradients(
  dy: tf.Tensor,
  x: tf.Tensor3D,
  meanOffset: tf.Tensor,
  scaledVariance: tf.Tensor,
): tf.Tensor[] {
  if (hasKernel("DensityAttentionGrad")) {
    return tf.engine().runKernel("DensityAttentionGrad", { dy, x, meanOffset, scaledVariance });
  }
  const { xh, deviation, sd, z, c, w } = statistics(x, meanOffset, scaledVariance);
  const dyw = dy.reshape(xh.shape).mul(w);
  const s = dyw.mul(xh).mul(z).div(c); // −dL/dz
  const t = s.div(sd); // −dL/dz · dz/dx at fixed statistics
  const tSum = t.sum(2, true); // (B, H, 1, d)
  const m = xh.shape[2]!;
  // The spread passes on Σ s·z / sd² of every entry, the mean Σ t.
  const spread = s.mul(z).sum(2, true).div(sd.square());
  const dx = dyw.sub(t).add(tSum.add(spread.mul(deviation)).div(m));
  const dOffset = tSum.sum(0).reshape(meanOffset.shape);
  const dVariance = s.mul(z).div(c.mul(2)).sum([0, 2]).reshape(scaledVariance.shape);
  return [dx.reshape(x.shape), dOffset, dVariance];
}
