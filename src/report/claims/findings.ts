/** What cells say of the paper's claims beyond the comparisons of rows: a table a topic. */
import type { Robustness } from "../tables/robustness-cells.js";
import { type ResultTable, rowOf } from "../tables/rows.js";
import type { TextTable } from "../tables/text-table.js";
import { gainTable, orderTable, spreadTable, stabilityTable } from "./claims.js";
import { type LayerEntries, layersTable, untrainedSentence } from "./layer-claims.js";
import type { ItemsOf } from "./paired.js";
import { robustnessVerdicts } from "./robustness-differences.js";

/** Each is published as `<topic>.csv`. */
export const topics = ["gain", "stability", "order", "spread", "layers", "shifted"] as const;
export type Topic = (typeof topics)[number];

/** A task's table and the cells of its ablations. */
interface Part {
  table: ResultTable;
  ablations: readonly { rows: LayerEntries }[];
}

/** A table a topic; without rows on what was not run. */
export function findingsOf(
  parts: readonly Part[],
  shifted: readonly Robustness[],
  items?: ItemsOf,
): Record<Topic, TextTable> {
  const tables = parts.map(({ table }) => table);
  const layers = parts.map(({ table, ablations }) =>
    layersTable(
      table.task,
      ablations.flatMap(({ rows }) => rows),
      items,
    ),
  );
  return {
    gain: gainTable(tables, items),
    stability: stabilityTable(tables),
    order: orderTable(tables),
    spread: spreadTable(tables),
    layers: { columns: layers[0]?.columns ?? [], rows: layers.flatMap(({ rows }) => rows) },
    shifted: robustnessVerdicts(shifted.filter(({ results }) => results.length)),
  };
}

/** What a task's ablations say of the map before training; empty without their cells. */
export function untrainedOf({ table, ablations }: Part): string {
  const rows = ablations.flatMap((ablation) => ablation.rows);
  const frozen = rows.find(({ row }) => row.method?.name === "frozen")?.row.results ?? [];
  return untrainedSentence(table.task, frozen, rowOf(table, "daam-v1")?.results ?? []);
}
