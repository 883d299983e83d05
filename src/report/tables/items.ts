/** The test items of a task's cells: what their predictions are read against. */
import { itemColumns, itemSet } from "../../experiments/outcome/published-features.js";
import type { CellResult, Task, TestItems } from "../../experiments/types.js";
import type { TextTable } from "./text-table.js";

/**
 * A line a test item: its position in the feature file, label and group (the actor on speech, the position elsewhere), and which cells
 * predict it: by fold, or by how many test items a cell has. A cell's predictions are in the order of the positions.
 * @returns no rows where no cell's items are known
 */
export function itemsTable(
  task: Task,
  results: readonly CellResult[],
  itemsOf: (result: CellResult) => TestItems | undefined,
): TextTable {
  const sets = new Map<string, TestItems>();
  for (const result of results) {
    const items = itemsOf(result);
    if (items) sets.set(itemSet(task, result.config.run, items.indices.length), items);
  }
  const names = [...sets.keys()].sort();
  const lines = new Map<number, string[]>();
  for (const [name, { indices, labels, groups }] of sets)
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      const line = lines.get(index) ?? [index, labels[i]!, groups[i]!, ...names.map(() => "")].map(String);
      line[itemColumns.length + names.indexOf(name)] = "1";
      lines.set(index, line);
    }
  return {
    columns: [...itemColumns, ...names],
    rows: [...lines].sort(([a], [b]) => a - b).map(([, line]) => line),
  };
}
