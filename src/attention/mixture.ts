import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import type { Module } from "./module.js";
import { constant, trainable, type Tensors } from "../parameters.js";

export interface MixtureOptions {
  layers: number;
  features: number;
  heads: number;
  gaussians: number;
  /** 1, over the layers (the default), or 2, over the features. */
  axis?: 1 | 2;
  /** Adds the input: the density block (the default). */
  residual?: boolean;
  /** Entries equal to it count as zeros in the statistics and pass through unchanged. */
  paddingValue?: number;
}

/**
 * A mixture of densities, as a density block (paper, appendix).
 * Parameters: `meanOffset` m [heads, gaussians], starts at 0; `scaledVariance` c [heads, gaussians], starts at exp(N(0, 1)).
 * @throws UserError where a head would hold fewer than two entries
 */
export function mixtureAttention(options: MixtureOptions): Module {
  const { layers, features, heads, gaussians, axis = 1, residual = true, paddingValue } = options;
  headSizes(axis === 1 ? layers : features, heads);
  const shape = [heads, gaussians];
  const mixture = (x: tf.Tensor3D, p: Tensors) =>
    mixtureOfDensities(x, {
      axis,
      paddingValue,
      meanOffset: p.meanOffset!,
      scaledVariance: p.scaledVariance!,
    });
  return {
    parameters: {
      meanOffset: trainable(shape, constant(0)),
      scaledVariance: trainable(shape, { kind: "exp-normal" }),
    },
    outputShape: [layers, features],
    held: (items) => {
      const [values, statistics] = [items * layers * features, items * heads * features];
      return { forward: 13 * values + 7 * statistics, backward: 17 * values + 7 * statistics };
    },
    apply: (x, p) => tf.tidy(() => (residual ? mixture(x, p).y.add(x) : mixture(x, p).y)),
    map: (x, p) => tf.tidy(() => mixture(x, p).map),
  };
}

export interface MixtureArguments {
  /** Axis that is split into heads and over which statistics are taken; the batch axis 0 is refused. */
  axis: number;
  /** m, float32 [heads, gaussians]. */
  meanOffset: tf.Tensor;
  /** c, float32 [heads, gaussians]. */
  scaledVariance: tf.Tensor;
  /** Entries equal to it count as zeros in the statistics and pass through unchanged. */
  paddingValue?: number;
  /** ε of the variance and of the normalising sum. */
  epsilon?: number;
}

/** x ← layer(x) + x for each layer in turn; any rank, float32. */
export function densityBlock<T extends tf.Tensor>(x: T, layers: readonly MixtureArguments[]): T {
  return tf.tidy(() => layers.reduce<tf.Tensor>((y, layer) => mixtureOfDensities(y, layer).y.add(y), x) as T);
}

/**
 * w = Π_k exp(−(x − (mean + m_k))² / (2 c_k² (var + ε))) / sqrt(2π c_k²), w ← w / max(Σ w, ε), y = x · w: heads are contiguous
 * chunks of the axis, the last one takes the remainder; variance unbiased (paper, appendix).
 * @returns y and the normalised weights, both of the shape of `x`
 * @throws UserError for an axis or a number of heads that does not fit
 */
export function mixtureOfDensities<T extends tf.Tensor>(x: T, options: MixtureArguments): { y: T; map: T } {
  const { meanOffset, scaledVariance, paddingValue, epsilon = 1e-8 } = options;
  const axis = options.axis < 0 ? x.rank + options.axis : options.axis;
  if (!Number.isInteger(axis) || axis < 1 || axis >= x.rank) {
    throw new UserError(
      `axis ${options.axis} does not fit a tensor of shape [${x.shape}]: choose 1 to ${x.rank - 1}`,
    );
  }
  const n = x.shape[axis]!;
  const heads = meanOffset.shape[0]!;
  const sizes = headSizes(n, heads);
  const outer = x.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);

  const [y, map] = tf.tidy(() => {
    const flat = x.reshape([outer, n, inner]) as tf.Tensor3D;
    // 0 where padded, else 1: a sign, because tfjs has no gradient through a comparison.
    const visible = paddingValue === undefined ? undefined : flat.sub(paddingValue).abs().sign();
    const zeroed = visible ? (flat.mul(visible) as tf.Tensor3D) : flat;
    const bell = asOneBell(meanOffset, scaledVariance);
    // Equal heads go through together; a longer last one by itself.
    const equal = sizes.at(-1) === sizes[0] ? heads : heads - 1;
    const parts = [{ from: 0, count: equal, size: sizes[0]! }];
    if (equal < heads) parts.push({ from: equal, count: 1, size: sizes[equal]! });
    const weights = parts.map(({ from, count, size }) => {
      const take = (t: tf.Tensor3D) =>
        t
          .slice([0, from * sizes[0]!, 0], [-1, count * size, -1])
          .reshape([outer, count, size, inner]) as tf.Tensor4D;
      const of = (t: tf.Tensor) => t.slice([from], [count]).reshape([count, 1, 1]); // (H) → (H, 1, 1)
      const raw = take(flat);
      const seen = visible ? take(zeroed) : raw;
      const mean = seen.mean(2, true); // (outer, H, 1, inner)
      const variance = seen
        .sub(mean)
        .square()
        .sum(2, true)
        .div(size - 1);
      const distance = raw.sub(mean).sub(of(bell.mean)).square();
      const exponent = distance.mul(of(bell.precision)).add(of(bell.rest)).div(variance.add(epsilon).mul(-2));
      const w = exponent.exp().mul(of(bell.scale));
      return w.div(w.sum(2, true).maximum(epsilon)).reshape([outer, count * size, inner]);
    });
    const w = (weights.length === 1 ? weights[0]! : tf.concat(weights, 1)) as tf.Tensor3D;
    const y = flat.mul(visible ? w.sub(1).mul(visible).add(1) : w);
    return [y.reshape(x.shape) as T, w.reshape(x.shape) as T];
  });
  return { y: y!, map: map! };
}

/**
 * The product of a head's K Gaussians is one Gaussian: precision Σ 1/c², mean its weighted m, a constant rest
 * Σ (m − mean)²/c² in the exponent, and the product of the K densities' factors. All [heads].
 */
function asOneBell(meanOffset: tf.Tensor, scaledVariance: tf.Tensor) {
  const square = scaledVariance.square();
  const precisions = square.reciprocal(); // (H, K)
  const precision = precisions.sum(1);
  const mean = precisions.mul(meanOffset).sum(1).div(precision);
  const rest = meanOffset.sub(mean.expandDims(1)).square().mul(precisions).sum(1);
  const scale = square
    .mul(2 * Math.PI)
    .log()
    .sum(1)
    .mul(-0.5)
    .exp();
  return { precision, mean, rest, scale };
}

/** Sizes of the heads: equal chunks, the last takes the remainder. */
function headSizes(n: number, heads: number): number[] {
  const size = Math.floor(n / heads);
  if (!Number.isInteger(heads) || heads < 1 || size < 2) {
    throw new UserError(
      `${heads} heads over ${n} entries leave a head with fewer than two, whose variance is undefined: choose at most ${Math.floor(n / 2)} heads`,
    );
  }
  return Array.from({ length: heads }, (_, h) => (h < heads - 1 ? size : n - size * (heads - 1)));
}
