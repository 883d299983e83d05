import * as tf from "@tensorflow/tfjs";
import { address, float, override, replacing, type Native } from "./native.js";

/**
 * Kernels under names of our own, for what training does in many small operations. Callers ask `hasKernel(name)`
 * and have plain operations where there is none:
 *
 * - DensityAttention {x [batch, layers, features], meanOffset, scaledVariance [heads, features]} → y
 * - DensityAttentionGrad {dy, x, meanOffset, scaledVariance} → [dx, d meanOffset, d scaledVariance]
 * - DotProductAttention {projected [items · length, 3 · features] (query, key, value)}, {heads, length} → [items · length, features]
 * - DotProductAttentionGrad {dy, projected}, {heads, length} → d projected; both with the digits of plain operations up to 512 features a head
 * - ReluBiasGrad {dy, y [..., channels]} → [dy where y > 0, its sum over all but the channels]; with the attribute `over` the first in the
 *   place of dy
 * - AdamWStep {mean, variance [all], parameter0, gradient0, …}, attributes as `AdamWAttributes`
 *   → [mean, variance, parameter0, …], each in the place of the one before where nobody else holds that
 */
export function registerFused(native: Native): void {
  override("DensityAttention", () => ({ inputs, backend }) => {
    const { x, meanOffset, scaledVariance } = inputs as Record<string, tf.TensorInfo>;
    const [batch, layers, features] = x!.shape as [number, number, number];
    const heads = meanOffset!.shape[0]!;
    const y = backend.makeOutput(x!.shape, "float32");
    const tensors = [x!, meanOffset!, scaledVariance!, y].map((t) => address(backend, t));
    native.run("density", batch, 0, [...tensors, heads, layers / heads, features]);
    return y;
  });

  override("DensityAttentionGrad", () => ({ inputs, backend }) => {
    const { dy, x, meanOffset, scaledVariance } = inputs as Record<string, tf.TensorInfo>;
    const [batch, layers, features] = x!.shape as [number, number, number];
    const heads = meanOffset!.shape[0]!;
    const out = [x!, meanOffset!, scaledVariance!].map(({ shape }) => backend.makeOutput(shape, "float32"));
    const tensors = [dy!, x!, meanOffset!, scaledVariance!, ...out].map((t) => address(backend, t));
    const tasks = heads * Math.ceil(features / native.exports.FEATURES.value);
    native.run("densityGradient", tasks, 0, [...tensors, batch, heads, layers / heads, features]);
    return out;
  });

  override("DotProductAttention", () => ({ inputs, attrs, backend }) => {
    const { projected } = inputs as { projected: tf.TensorInfo };
    const { heads, length } = attrs as { heads: number; length: number };
    const [rows, features] = [projected.shape[0]!, projected.shape[1]! / 3];
    const d = features / heads;
    const y = backend.makeOutput([rows, features], "float32");
    const { QUERIES, attentionScratch } = native.exports;
    const [from, to] = [address(backend, projected), address(backend, y)];
    const [query, key, value] = [0, 1, 2].map((part) => from + 4 * part * features);
    const strides = [3 * length * features, d, 3 * features];
    const tasks = (rows / length) * heads * Math.ceil(length / QUERIES.value);
    native.run("attention", tasks, attentionScratch(length, d), [
      ...[query!, key!, value!, to, 0, 0, 0, heads, 1, length, d, float(1 / Math.sqrt(d))],
      ...[...strides, ...strides, ...strides, 0, 0],
    ]);
    return y;
  });

  override("DotProductAttentionGrad", () => ({ inputs, attrs, backend }) => {
    const { dy, projected } = inputs as { dy: tf.TensorInfo; projected: tf.TensorInfo };
    const { heads, length } = attrs as { heads: number; length: number };
    const d = projected.shape[1]! / 3 / heads;
    const out = backend.makeOutput(projected.shape, "float32");
    const tensors = [dy, projected, out].map((t) => address(backend, t));
    const tasks = (projected.shape[0]! / length) * heads;
    const scratch = native.exports.attentionGradientScratch(length, d);
    native.run("attentionGradient", tasks, scratch, [...tensors, heads, length, d, float(1 / Math.sqrt(d))]);
    return out;
  });

  override("ReluBiasGrad", () => ({ inputs, attrs, backend }) => {
    const { dy, y } = inputs as { dy: tf.TensorInfo; y: tf.TensorInfo };
    const channels = y.shape.at(-1)!;
    const sums = backend.makeOutput([channels], "float32");
    const out = [attrs?.over ? replacing(backend, dy) : backend.makeOutput(y.shape, "float32"), sums];
    const tensors = [dy, y, ...out].map((t) => address(backend, t));
    const rows = tf.util.sizeFromShape(y.shape) / channels;
    native.run("rectifierGradient", Math.ceil(channels / native.exports.CHANNELS.value), 0, [
      ...tensors,
      rows,
      channels,
    ]);
    return out;
  });

  override("AdamWStep", () => ({ inputs, attrs, backend }) => {
    const { mean, variance } = inputs as { mean: tf.TensorInfo; variance: tf.TensorInfo };
    const { beta1, beta2, epsilon, step, learningRate, weightDecay, clipNorm } = attrs as AdamWAttributes;
    const { PART, sumOfSquares } = native.exports;
    const pairs: [tf.TensorInfo, tf.TensorInfo][] = [];
    for (let i = 0; inputs[`parameter${i}`]; i++)
      pairs.push([inputs[`parameter${i}`]!, inputs[`gradient${i}`]!]);
    const out = [mean, variance, ...pairs.map(([parameter]) => parameter)].map((t) => replacing(backend, t));
    const [meanIn, varianceIn, meanOut, varianceOut] = [mean, variance, out[0]!, out[1]!].map((t) =>
      address(backend, t),
    );
    const table: number[] = [];
    let squares = 0;
    let offset = 0;
    pairs.forEach(([parameter, gradient], i) => {
      const size = tf.util.sizeFromShape(parameter.shape);
      const [p, g, next] = [parameter, gradient, out[2 + i]!].map((t) => address(backend, t)) as [
        number,
        number,
        number,
      ];
      if (clipNorm < Infinity) squares += sumOfSquares(g, size);
      for (let from = 0; from < size; from += PART.value) {
        const [at, own] = [4 * from, 4 * (offset + from)];
        table.push(
          p + at,
          g + at,
          meanIn! + own,
          varianceIn! + own,
          next + at,
          meanOut! + own,
          varianceOut! + own,
        );
        table.push(Math.min(PART.value, size - from));
      }
      offset += size;
    });
    const scale = Math.min(1, clipNorm / (Math.sqrt(squares) + 1e-6));
    native.lend(table, (rows) =>
      native.run("adamw", table.length / 8, 0, [
        rows,
        ...[
          scale,
          beta1,
          beta2,
          1 - beta1,
          1 - beta2,
          1 - learningRate * weightDecay,
          -learningRate / (1 - beta1 ** step),
          1 / Math.sqrt(1 - beta2 ** step),
          epsilon,
        ].map(float),
      ]),
    );
    return out;
  });
}

/** Of AdamWStep. `step` counts from 1; gradients of a larger norm than `clipNorm` are scaled down to it. */
export interface AdamWAttributes {
  beta1: number;
  beta2: number;
  epsilon: number;
  step: number;
  learningRate: number;
  weightDecay: number;
  clipNorm: number;
}
