/** The parts on changed hidden states: their scale, and a positive control. */
export { probeDifferencesNote, probeDifferenceTable } from "../../report/claims/probe-differences.js";
export {
  controlDifferences,
  controlFigure,
  controlFindings,
  controlNote,
  controlVerdict,
} from "../../report/pages/control.js";
export { mixingFigure, mixingNote, mixingTable } from "../../report/pages/mixing.js";
export {
  scaleDifferences,
  scaleFigure,
  scaleFindings,
  scaleNote,
  scaleOfPaper,
} from "../../report/pages/scale.js";
export { budgetText, probeResults, probeTable } from "../../report/tables/probe-cells.js";
