/** Figures: what `show` shows. */
export {
  boundedScores,
  densityWeights,
  entropies,
  meanOffsets,
  standardise,
} from "../../report/figures/density.js";
export { batchLeakFigure } from "../../report/figures/leak.js";
export {
  ablationOf,
  confusionOf,
  differencesOf,
  efficiencyOf,
  importanceOf,
  learnedRangesOf,
  learningCurvesOf,
  sharesOf,
  verdictOf,
} from "../../report/figures/result-figures.js";
export { publishedFigure } from "../../report/pages/published.js";
