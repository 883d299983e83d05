/** Rows of results and tables of them: what `dataFrame` takes, and notes to stand beside. */
export { publishedTable } from "../../report/pages/published.js";
export { choiceTable } from "../../report/tables/choice.js";
export { ablationEntries, resultTable } from "../../report/tables/rows.js";
export {
  ablationTable,
  budgetNote,
  levelsNote,
  ratesNote,
  ratesTable,
  readableTable,
  runsText,
} from "../../report/tables/tables.js";
export { withoutRepeats } from "../../report/tables/text-table.js";
