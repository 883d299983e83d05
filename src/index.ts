/** What notebooks import. */
export {
  gaussianEntropy,
  importanceFactor,
  layerShares,
  productOfGaussians,
  shannonEntropy,
} from "./attention/analysis.js";
export { densityAttention } from "./attention/density.js";
export { markdown, show, showPicture, table, withProgress } from "./notebook/display.js";
export { dataFrame } from "./notebook/frame.js";
export {
  boundedScores,
  densityWeights,
  entropies,
  meanOffsets,
  standardise,
} from "./report/figures/density.js";
export { batchLeakFigure } from "./report/figures/leak.js";
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
} from "./report/figures/result-figures.js";
export { publishedFigure, publishedTable } from "./report/pages/published.js";
export { robustnessFigure, robustnessNote, robustnessTable } from "./report/pages/robustness.js";
export { robustnessOf } from "./report/tables/robustness-cells.js";
export {
  robustnessDifferences,
  robustnessDifferencesNote,
  robustnessVerdictNote,
  robustnessVerdicts,
} from "./report/claims/robustness-differences.js";
export { ablationEntries, resultTable } from "./report/tables/rows.js";
export {
  ablationTable,
  budgetNote,
  levelsNote,
  ratesNote,
  ratesTable,
  readableTable,
  runsText,
  withoutRepeats,
} from "./report/tables/tables.js";
export {
  chanceSentence,
  gainNote,
  gainTable,
  orderTable,
  spreadNote,
  spreadTable,
  stabilityNote,
  stabilityTable,
} from "./report/claims/claims.js";
export { layersNote, layersTable, untrainedSentence } from "./report/claims/layer-claims.js";
export { parameterTable } from "./report/claims/parameter-claims.js";
export { judge } from "./report/claims/judge.js";
export {
  claimParagraphs,
  claimsBeside,
  claimsNote,
  claimsTable,
  repeatsNote,
  verdictNote,
  verdictTable,
} from "./report/claims/verdict.js";
export { choiceTable } from "./report/tables/choice.js";
export type { Figure } from "./report/figures/figure.js";
export { paperHighLow } from "./experiments/paper.js";
export { leaksOf } from "./experiments/run/leak.js";
export { leakRange } from "./models/batch-leak.js";
export { openRun } from "./experiments/run/open-run.js";
export { findPreset } from "./experiments/plan/presets.js";
export { hiddenStateStatistics, layerTable } from "./features/layer-statistics.js";
export { loadFeatures } from "./features/load.js";
export { recordedVqVae } from "./generative/publish.js";
export { shortSettings } from "./generative/settings.js";
export { madeUpImages, shortRun } from "./generative/short-run.js";
export { seedTable, vqVaeCurves, vqVaeSentence, vqVaeSizes, vqVaeTable } from "./generative/tables.js";
