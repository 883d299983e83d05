/** What notebooks import. */
export * from "./attention/analysis.js";
export { densityAttention } from "./attention/density.js";
export * from "./notebook/display.js";
export { dataFrame } from "./notebook/frame.js";
export * from "./report/figures-density.js";
export { batchLeakFigure } from "./report/figures-leak.js";
export * from "./report/result-figures.js";
export { publishedSentences, publishedTable } from "./report/published.js";
export * from "./report/robustness.js";
export { robustnessOf } from "./report/robustness-cells.js";
export {
  robustnessDifferences,
  robustnessDifferencesNote,
  robustnessSentences,
} from "./report/robustness-differences.js";
export * from "./report/rows.js";
export * from "./report/tables.js";
export * from "./report/claims.js";
export * from "./report/layer-claims.js";
export * from "./report/parameter-claims.js";
export * from "./report/verdict.js";
export type { Figure } from "./report/figure.js";
export { paperHighLow } from "./experiments/paper.js";
export { leaksOf } from "./experiments/leak.js";
export { leakRange } from "./models/batch-leak.js";
export { openRun } from "./experiments/open-run.js";
export { findPreset } from "./experiments/presets.js";
export { loadFeatures } from "./features/load.js";
export { recordedVqVae } from "./generative/publish.js";
export { settings as vqVaeSettings, shortSettings } from "./generative/settings.js";
export { imagesAtHand, shortRun } from "./generative/short-run.js";
export * from "./generative/tables.js";
