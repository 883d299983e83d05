import { mean } from "simple-statistics";
import { type ResultTable, seesAll, summary } from "./rows.js";
import type { TextTable } from "./text-table.js";
import { points } from "./words.js";

/** What choosing the epoch on the test data is worth: mean of best less last epoch in points, a line a decoder, a column a task. */
export function choiceTable(tables: readonly ResultTable[]): TextTable {
  const titles = [...new Set(tables.flatMap(({ rows }) => rows.filter(seesAll).map(({ title }) => title)))];
  const worth = (title: string) =>
    tables.map(({ rows }) => {
      const row = rows.find((entry) => entry.title === title && entry.results.length);
      return row ? summary(row, "best")!.mean - summary(row, "last")!.mean : undefined;
    });
  const known = titles.map((title) => ({ title, worth: worth(title) }));
  const text = (value: number | undefined) => (value === undefined ? "–" : points(value));
  const columnMean = (at: number) => {
    const values = known.flatMap((row) => row.worth[at] ?? []);
    return values.length ? mean(values) : undefined;
  };
  return {
    columns: ["row", ...tables.map(({ task }) => task.name)],
    rows: [
      ...known
        .filter((row) => row.worth.some((value) => value !== undefined))
        .map((row) => [row.title, ...row.worth.map(text)]),
      ["mean of the rows", ...tables.map((_, at) => text(columnMean(at)))],
    ],
  };
}
