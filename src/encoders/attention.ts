import * as tf from "@tensorflow/tfjs";
import { inOneKernel } from "./ops.js";

/** What is added to the scores: gate · matrix + keys. Masks are −1e9, so that a row without any token to look at stays finite. */
export interface ScoreBias {
  /** [1 or batch, 1 or heads, tokens, tokens] */
  matrix: tf.Tensor4D;
  /** of each query [batch, heads, tokens, 1] */
  gate?: tf.Tensor4D;
  /** of `keyMask` [batch, 1, 1, tokens] */
  keys?: tf.Tensor4D;
}

/** Features of a head that the kernel takes. */
const WIDEST = 512;

/**
 * Scaled dot-product attention, all heads at once; fewer key-value heads than query heads are shared by contiguous groups. Where a
 * kernel does it, the scores are never all in memory.
 * @param query [batch, tokens, heads · d]
 * @param key [batch, tokens, keyHeads · d]
 * @param value as key
 * @returns [batch, tokens, heads · d]
 */
export function attention(
  query: tf.Tensor3D,
  key: tf.Tensor3D,
  value: tf.Tensor3D,
  heads: number,
  bias?: ScoreBias,
): tf.Tensor3D {
  const [batch, tokens, features] = query.shape;
  const d = features / heads;
  const keyHeads = key.shape[2] / d;
  if (inOneKernel("ScaledDotProduct") && d <= WIDEST) {
    const inputs: tf.NamedTensorMap = { query, key, value };
    if (bias) Object.assign(inputs, { bias: bias.matrix });
    if (bias?.gate) Object.assign(inputs, { gate: bias.gate });
    if (bias?.keys) Object.assign(inputs, { mask: bias.keys });
    return tf.engine().runKernel("ScaledDotProduct", inputs, { heads, keyHeads });
  }
  const rows = (heads / keyHeads) * tokens;
  const grouped = splitHeads(query, heads)
    .mul<tf.Tensor4D>(1 / Math.sqrt(d))
    .reshape<tf.Tensor3D>([batch * keyHeads, rows, d]);
  const keys = splitHeads(key, keyHeads, [0, 2, 3, 1]).reshape<tf.Tensor3D>([batch * keyHeads, d, tokens]);
  const scores = grouped.matMul(keys).reshape([batch, heads, tokens, tokens]);
  const weights = (bias ? scores.add(wholeBias(bias)) : scores).softmax();
  const mixed = weights
    .reshape<tf.Tensor3D>([batch * keyHeads, rows, tokens])
    .matMul(splitHeads(value, keyHeads).reshape<tf.Tensor3D>([batch * keyHeads, tokens, d]));
  return mixed.reshape([batch, heads, tokens, d]).transpose([0, 2, 1, 3]).reshape([batch, tokens, features]);
}

/** broadcast to [batch, heads, tokens, tokens] */
function wholeBias({ matrix, gate, keys }: ScoreBias): tf.Tensor {
  const gated = gate ? gate.mul(matrix) : matrix;
  return keys ? gated.add(keys) : gated;
}

/** [batch, tokens, heads · d] → [batch, heads, tokens, d], or in another order of the axes batch, tokens, heads, d */
function splitHeads(x: tf.Tensor3D, heads: number, order = [0, 2, 1, 3]): tf.Tensor4D {
  const [batch, tokens, features] = x.shape;
  return x.reshape([batch, tokens, heads, features / heads]).transpose(order);
}

/** −1e9 where a key may not be looked at, to be added to scores: [batch, 1, 1, tokens]. */
export function keyMask(mask: ArrayLike<number>, batch: number, tokens: number): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(mask, (real) => (real ? 0 : -1e9)),
    [batch, 1, 1, tokens],
  );
}
