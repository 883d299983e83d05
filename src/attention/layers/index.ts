/** The attention mechanisms as layers of tfjs: what `make package` packs. */
export * from "./layers.js";
export { AttentionLayer, type AttentionLayerArgs } from "./attention-layer.js";
export { fileHandler } from "./file-handler.js";
export {
  importanceFactor,
  layerShares,
  gaussianEntropy,
  productOfGaussians,
  shannonEntropy,
} from "../analysis.js";
export { UserError } from "../../errors.js";
