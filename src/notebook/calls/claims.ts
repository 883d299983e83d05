/** The paper's claims, each judged from cells: tables, paragraphs, and notes to stand beside. */
export { paperHighLow } from "../../experiments/paper.js";
export {
  chanceSentence,
  gainNote,
  gainTable,
  orderTable,
  spreadNote,
  spreadTable,
  stabilityNote,
  stabilityTable,
} from "../../report/claims/claims.js";
export { judge } from "../../report/claims/judge.js";
export { layersNote, layersTable, untrainedSentence } from "../../report/claims/layer-claims.js";
export { parameterTable } from "../../report/claims/parameter-claims.js";
export {
  claimParagraphs,
  claimsBeside,
  claimsNote,
  claimsTable,
  repeatsNote,
  verdictNote,
  verdictTable,
} from "../../report/claims/verdict.js";
