import { tableMethods } from "../experiments/outcome/recorded.js";
import { taskAt } from "../experiments/plan/tasks.js";
import type { CellResult, Preset } from "../experiments/types.js";
import { type ResultTable, resultTable, rowAt, type TableRow, values } from "../report/tables/rows.js";
import { notChosen, plusMinus, rateText } from "../report/tables/words.js";
import { summarise } from "../statistics/summary.js";

/** The rows of the tables in text: a line a method, a column a task, best test epoch, mean ± population sd in %; at the rate that a row has chosen, where it had a choice. */
export function headline(preset: Preset, results: readonly CellResult[]): string[] {
  const tasks = [...new Set(results.map(({ config }) => config.task))];
  const heldOut = results.filter(({ config }) => config.holdout);
  const tested = results.filter(({ config }) => !config.holdout);
  const tables = tasks.map((task) =>
    resultTable(taskAt(preset, task), tableMethods(preset), tested, preset.tasks[task]!.runs, heldOut),
  );
  const titles = [...new Set(tables.flatMap(({ rows }) => rows.filter(hasRun).map(({ title }) => title)))];
  const rows = titles.map((title) => [
    title,
    ...tables.map((table) =>
      cellText(
        table,
        table.rows.find((row) => row.title === title),
      ),
    ),
  ]);
  const table = [["best epoch, %", ...tasks], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
      .join("  "),
  );
  return preset.caution ? [preset.caution, ...lines] : lines;
}

const hasRun = ({ byRate }: TableRow) => byRate.some(({ results }) => results.length);

function cellText({ task }: ResultTable, row: TableRow | undefined): string {
  const ran = row?.byRate.filter(({ results }) => results.length) ?? [];
  if (!row || !ran.length) return "";
  const chosen = row.chosen === undefined && ran.length === 1 ? rowAt(row, ran[0]!.rate) : row;
  if (!chosen.results.length) return notChosen;
  const rate = row.method?.rates?.(task.name) ? ` (${rateText(chosen.chosen!)})` : "";
  return plusMinus(summarise(values(chosen, "best"))) + rate;
}
