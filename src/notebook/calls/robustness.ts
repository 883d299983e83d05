/** Rows on shifted test inputs. */
export {
  robustnessDifferences,
  robustnessDifferencesNote,
  robustnessVerdictNote,
  robustnessVerdicts,
} from "../../report/claims/robustness-differences.js";
export { robustnessFigure, robustnessNote, robustnessTable } from "../../report/pages/robustness.js";
export { robustnessOf } from "../../report/tables/robustness-cells.js";
