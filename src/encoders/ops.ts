import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";

const INV_SQRT2 = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

/** x Φ(x), exactly (PyTorch's default `gelu`); `erf` has no gradient in tfjs, so it is given here: Φ(x) + x φ(x). */
export const gelu = tf.customGrad((x, save) => {
  const input = x as tf.Tensor;
  (save as tf.GradSaveFunc)([input]);
  const phi = (t: tf.Tensor) => t.mul(INV_SQRT2).erf().add(1).mul(0.5); // Φ
  return {
    value: input.mul(phi(input)),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => {
      const t = saved!;
      return dy.mul(phi(t).add(t.mul(t.square().mul(-0.5).exp()).mul(INV_SQRT_2PI)));
    },
  };
}) as <T extends tf.Tensor>(x: T) => T;

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

/** Layer norm over the last axis, biased variance (torch.nn.LayerNorm). weight, bias: [features]. */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): T {
  const centred = x.sub(x.mean(-1, true));
  const scale = centred.square().mean(-1, true).add(epsilon).rsqrt();
  return centred.mul(scale).mul(weight).add(bias);
}

/** x / rms(x) over the last axis, times weight [features] (Llama's norm: no mean, no bias). */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, epsilon: number): T {
  return x.mul(x.square().mean(-1, true).add(epsilon).rsqrt()).mul(weight);
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
