import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";

type Gradient = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor;

/** An operation of one input whose gradient is written out: fewer operations than tfjs would chain, and none for frozen weights. */
function withGradient<T extends tf.Tensor>(
  x: T,
  forward: (x: tf.Tensor, save: tf.GradSaveFunc) => tf.Tensor,
  gradFunc: Gradient,
): T {
  const op = tf.customGrad((input, save) => ({
    value: forward(input as tf.Tensor, save as tf.GradSaveFunc),
    gradFunc,
  }));
  return op(x) as T;
}

/** x Wᵀ + b for frozen W [out, in] and b [out]: [rows, in] → [rows, out]. Keep W until gradients are computed. */
export function frozenLinear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor): tf.Tensor2D {
  return withGradient(
    x,
    (rows) => tf.fused.matMul({ a: rows as tf.Tensor2D, b: weight, transposeB: true, bias }),
    (dy) => dy.matMul(weight),
  );
}

/** Layer norm over the last axis, biased variance (torch.nn.LayerNorm). Frozen weight, bias: [features]. */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): T {
  return withGradient(
    x,
    (input, save) => {
      const centred = input.sub(input.mean(-1, true));
      const scale = centred.square().mean(-1, true).add(epsilon).rsqrt(); // 1 / σ
      const normed = centred.mul(scale);
      save([normed, scale]);
      return normed.mul(weight).add(bias);
    },
    (dy, [normed, scale]) => {
      const slope = dy.mul(weight);
      const along = normed!.mul(slope.mul(normed!).mean(-1, true));
      return slope.sub(slope.mean(-1, true)).sub(along).mul(scale!);
    },
  );
}

/** x / rms(x) over the last axis, times frozen weight [features] (Llama's norm: no mean, no bias). */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, epsilon: number): T {
  return withGradient(
    x,
    (input, save) => {
      const scale = input.square().mean(-1, true).add(epsilon).rsqrt(); // 1 / rms
      const normed = input.mul(scale);
      save([normed, scale]);
      return normed.mul(weight);
    },
    (dy, [normed, scale]) => {
      const slope = dy.mul(weight);
      return slope.sub(normed!.mul(slope.mul(normed!).mean(-1, true))).mul(scale!);
    },
  );
}

/** Φ: the standard normal distribution function. */
function phi(x: tf.Tensor): tf.Tensor {
  return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
}

/** x Φ(x), exactly (PyTorch's default `gelu`); its slope is Φ(x) + x φ(x), which tfjs, whose erf has no gradient, cannot find. */
export function gelu<T extends tf.Tensor>(x: T): T {
  return withGradient(
    x,
    (input, save) => {
      save([input]);
      return input.mul(phi(input));
    },
    (dy, [input]) => {
      const density = input!
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI)); // φ
      return dy.mul(phi(input!).add(input!.mul(density)));
    },
  );
}

/** x σ(x). */
export function silu<T extends tf.Tensor>(x: T): T {
  return x.mul(x.sigmoid());
}

const activations = { gelu, silu, relu: <T extends tf.Tensor>(x: T): T => x.relu() };
export type Activation = <T extends tf.Tensor>(x: T) => T;
export const activationNames = Object.keys(activations) as (keyof typeof activations)[];

/** The activation of a config's name. @throws UserError for one that is not implemented. */
export function activation(name: keyof typeof activations): Activation {
  const found = activations[name];
  if (!found)
    throw new UserError(`unknown activation "${name}": one of ${activationNames.join(", ")} is needed`);
  return found;
}

/**
 * Scaled dot-product attention, all heads at once; fewer key-value heads than query heads are shared by contiguous groups.
 * @param query [batch, heads, tokens, d]
 * @param keyT keys, transposed: [batch, keyHeads, d, tokens]
 * @param value [batch, keyHeads, tokens, d]
 * @param bias added to the scores, broadcast to [batch, heads, tokens, tokens]; masks are −1e9, so that a row without any token
 *   to look at stays finite
 * @returns [batch, tokens, heads · d]
 */
export function attention(
  query: tf.Tensor4D,
  keyT: tf.Tensor4D,
  value: tf.Tensor4D,
  bias?: tf.Tensor,
): tf.Tensor3D {
  const [batch, heads, tokens, d] = query.shape;
  const keyHeads = value.shape[1];
  const rows = (heads / keyHeads) * tokens;
  const grouped = query.mul<tf.Tensor4D>(1 / Math.sqrt(d)).reshape<tf.Tensor3D>([batch * keyHeads, rows, d]);
  const keys = keyT.reshape<tf.Tensor3D>([batch * keyHeads, d, tokens]);
  const scores = grouped.matMul(keys).reshape([batch, heads, tokens, tokens]);
  const weights = (bias ? scores.add(bias) : scores).softmax().reshape([batch * keyHeads, rows, tokens]);
  const mixed = weights.matMul(value.reshape([batch * keyHeads, tokens, d])); // [batch · keyHeads, rows, d]
  return mixed
    .reshape([batch, heads, tokens, d])
    .transpose([0, 2, 1, 3])
    .reshape([batch, tokens, heads * d]);
}

/** Weighted mean of the tokens: hidden [batch, tokens, features], weights [batch, 1, tokens] → [batch, features] */
export function average(hidden: tf.Tensor3D, weights: tf.Tensor3D): tf.Tensor2D {
  return weights.matMul(hidden).squeeze([1]);
}

/** [batch, tokens, heads · d] → [batch, heads, tokens, d] */
export function splitHeads(x: tf.Tensor3D, heads: number): tf.Tensor4D {
  const [batch, tokens, features] = x.shape;
  return x.reshape([batch, tokens, heads, features / heads]).transpose([0, 2, 1, 3]);
}

/** [batch, tokens, heads · d] → [batch, heads, d, tokens]: keys as `attention` takes them */
export function splitHeadsTransposed(x: tf.Tensor3D, heads: number): tf.Tensor4D {
  const [batch, tokens, features] = x.shape;
  return x.reshape([batch, tokens, heads, features / heads]).transpose([0, 2, 3, 1]);
}

/** −1e9 where a key may not be looked at, to be added to scores: [batch, 1, 1, tokens]. */
export function keyMask(mask: ArrayLike<number>, batch: number, tokens: number): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(mask, (real) => (real ? 0 : -1e9)),
    [batch, 1, 1, tokens],
  );
}
