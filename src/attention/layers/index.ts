/** The attention mechanisms as layers of tfjs: what `make package` packs, beside `file-handler.ts` for Node. */
export { DensityAdaptiveAttention } from "./density.js";
export { MixtureOfDensities } from "./mixture.js";
export { MultiHeadDotProductAttention } from "./dot-product.js";
export { GroupedQueryAttention } from "./grouped-query.js";
export { LayerWeights } from "./layer-weights.js";
export { registerLayers } from "./register-layers.js";
export { AttentionLayer, type AttentionLayerArgs } from "./attention-layer.js";
export {
  importanceFactor,
  layerShares,
  gaussianEntropy,
  productOfGaussians,
  shannonEntropy,
} from "../analysis.js";
export { UserError } from "../../errors.js";
