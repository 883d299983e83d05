import { methods } from "../experiments/plan/methods.js";
import type { CellResult } from "../experiments/types.js";
import { plusMinus } from "../report/tables/words.js";
import { summarise } from "../statistics/summary.js";

/** The rows of the tables in text: a line a method, a column a task, best test epoch, mean ± population sd in %. */
export function headline(results: readonly CellResult[]): string[] {
  const tasks = [...new Set(results.map(({ config }) => config.task))];
  const finished = methods.filter(({ name }) => results.some(({ config }) => config.method === name));
  const rows = finished.map(({ name, title }) => {
    const cells = tasks.map((task) => {
      const runs = results.filter(({ config }) => config.task === task && config.method === name);
      const values = runs.map(({ best }) => 100 * best.accuracy);
      return values.length === 0 ? "" : plusMinus(summarise(values));
    });
    return [title, ...cells];
  });
  const table = [["best epoch, %", ...tasks], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
      .join("  "),
  );
}
