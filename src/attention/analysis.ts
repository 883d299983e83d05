import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";

/** An attention map of density attention averaged over items: weights [layers · features], row by row. */
export interface DensityMap {
  layers: number;
  features: number;
  values: ArrayLike<number>;
}

/**
 * IF = (DA − min DA) / (max DA − min DA) of an averaged map DA, same layout; all zeros where the map is constant.
 * @param map or what a layer's `map` gives, float32 [batch, layers, features], which is averaged over its items
 * @throws UserError for a map of another size or rank
 */
export function importanceFactor(map: DensityMap | tf.Tensor): Float32Array {
  const { values } = averaged(map);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  const range = high - low;
  return Float32Array.from(values, (value) => (range > 0 ? (value - low) / range : 0));
}

/** Share of each layer in the attention: its sum over the features ÷ the total; sums to 1. Takes and throws what importanceFactor does. */
export function layerShares(map: DensityMap | tf.Tensor): number[] {
  const { layers, features, values } = averaged(map);
  const sums = new Array<number>(layers).fill(0);
  for (let i = 0; i < values.length; i++) sums[Math.floor(i / features)]! += values[i]!;
  const total = sums.reduce((a, b) => a + b, 0);
  return sums.map((sum) => sum / total);
}

/** A Gaussian: mean and variance. */
export interface Gaussian {
  mean: number;
  variance: number;
}

/**
 * The Gaussian that a head of several acts as: their product has variance σ² = (Σ 1/σ_i²)⁻¹ and mean σ² Σ μ_i/σ_i²
 * (paper, entropy view).
 */
export function productOfGaussians(gaussians: readonly Gaussian[]): Gaussian {
  const precision = gaussians.reduce((sum, { variance }) => sum + 1 / variance, 0);
  const weighted = gaussians.reduce((sum, { mean, variance }) => sum + mean / variance, 0);
  return { mean: weighted / precision, variance: 1 / precision };
}

/** Differential entropy of a Gaussian in nats, ½ log(2πe σ²). */
export function gaussianEntropy(variance: number): number {
  return 0.5 * Math.log(2 * Math.PI * Math.E * variance);
}

/** Shannon entropy in nats of non-negative weights, normalised to sum 1 (softmax weights are already). */
export function shannonEntropy(weights: ArrayLike<number>): number {
  const total = Array.from(weights).reduce((a, b) => a + b, 0);
  return Array.from(weights).reduce((sum, w) => (w > 0 ? sum - (w / total) * Math.log(w / total) : sum), 0);
}

function averaged(map: DensityMap | tf.Tensor): DensityMap {
  if (!("dataSync" in map)) {
    requireSize(map.layers, map.features, map.values);
    return map;
  }
  const [batch, layers, features] = map.shape as [number, number, number];
  if (map.rank !== 3)
    throw new UserError(
      `a map of density attention is [batch, layers, features], not [${map.shape}]: dot products have no importance factor`,
    );
  const data = map.dataSync();
  const values = new Float64Array(layers * features);
  data.forEach((value, i) => (values[i % values.length]! += value / batch));
  return { layers, features, values };
}

function requireSize(layers: number, features: number, values: ArrayLike<number>): void {
  if (values.length === layers * features && values.length > 0) return;
  throw new UserError(
    `an attention map of ${values.length} values is not ${layers} layers × ${features} features`,
  );
}
