import { register } from "./attention-layer.js";
import { DensityAdaptiveAttention } from "./density.js";
import { MultiHeadDotProductAttention } from "./dot-product.js";
import { GroupedQueryAttention } from "./grouped-query.js";
import { LayerWeights } from "./layer-weights.js";
import { MixtureOfDensities } from "./mixture.js";

/**
 * For a program that only loads models: bundlers leave out layers that nothing names, and `tf.loadLayersModel` then does not know them.
 * A layer that a program makes is known without.
 */
export function registerLayers(): void {
  [
    DensityAdaptiveAttention,
    MixtureOfDensities,
    MultiHeadDotProductAttention,
    GroupedQueryAttention,
    LayerWeights,
  ].forEach(register);
}
