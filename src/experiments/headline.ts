import { mean, standardDeviation } from "simple-statistics";
import { methods } from "./methods.js";
import type { CellResult } from "./types.js";

/** A text table of what finished: a line a method, a column a task, best test epoch, mean ± population sd in %. */
export function headline(results: readonly CellResult[]): string[] {
  const names = (key: "task" | "method") => [...new Set(results.map(({ config }) => config[key]))];
  const tasks = names("task");
  const rows = names("method").map((method) => {
    const title = methods.find(({ name }) => name === method)?.title ?? method;
    const cells = tasks.map((task) => {
      const runs = results.filter(({ config }) => config.task === task && config.method === method);
      const values = runs.map(({ best }) => 100 * best.accuracy);
      return values.length === 0
        ? ""
        : `${mean(values).toFixed(1)} ± ${standardDeviation(values).toFixed(1)}`;
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
