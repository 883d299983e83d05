/** What density attention does to numbers, and what hidden states are like. */
export {
  gaussianEntropy,
  importanceFactor,
  layerShares,
  productOfGaussians,
  shannonEntropy,
} from "../../attention/analysis.js";
export { densityAttention } from "../../attention/density.js";
export { leaksOf } from "../../experiments/run/leak.js";
export { hiddenStateStatistics, layerTable } from "../../features/layer-statistics.js";
export { leakRange } from "../../models/batch-leak.js";
