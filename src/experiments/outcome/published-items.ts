/** The test items of published cells: `items/<task>.csv`, as `report/tables/items.ts` writes it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Papa from "papaparse";
import { blockOf, findTask } from "../plan/tasks.js";
import type { CellResult, Task, TestItems } from "../types.js";

/** The column of a set of test items: a fold's, or that of so many items. */
export const itemsColumn = (task: Task, run: number, count: number): string =>
  task.split === "folds" ? `fold ${1 + blockOf(run, task)}` : `of ${count}`;

/** The test items of a cell by what a published folder says; undefined where it does not list them. */
export function publishedItems(folder: string): (result: CellResult) => TestItems | undefined {
  const tables = new Map<string, Record<string, string>[]>();
  const sets = new Map<string, TestItems | undefined>();
  const tableOf = (task: string) => {
    const path = join(folder, "items", `${task}.csv`);
    if (!tables.has(task))
      tables.set(
        task,
        existsSync(path)
          ? Papa.parse<Record<string, string>>(readFileSync(path, "utf8"), {
              header: true,
              skipEmptyLines: true,
            }).data
          : [],
      );
    return tables.get(task)!;
  };
  return ({ config, predictions }) => {
    const task = findTask(config.task);
    const bytes = Buffer.from(predictions.last, "base64").length;
    const column = itemsColumn(task, config.run, task.classes.length > 256 ? bytes / 2 : bytes);
    const key = `${task.name} ${column}`;
    if (!sets.has(key)) {
      const lines = tableOf(task.name).filter((line) => line[column] === "1");
      const [indices, labels, groups] = ["position", "label", "group"].map((name) =>
        lines.map((line) => Number(line[name])),
      ) as [number[], number[], number[]];
      sets.set(key, lines.length ? { indices, labels, groups } : undefined);
    }
    return sets.get(key);
  };
}
