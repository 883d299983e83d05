/** What a published folder is made of. */
import type { CellResult, Method, Preset, Task } from "../../experiments/types.js";
import type { TestLabels } from "../tables/attention-maps.js";
import type { Machine } from "../../machine.js";
import type { ItemsOf } from "../claims/paired.js";
import { ablationEntries, type AblationEntry, type ResultTable, resultTable } from "../tables/rows.js";

/** A question of the ablations, as `ablations()` lists them. */
export interface AblationPlan {
  name: string;
  title: string;
  note?: string;
  entries: { label: string; method: Method }[];
}

/** Everything that a published folder is made of: equal input gives equal bytes. */
export interface Publication {
  preset: Preset;
  methods: readonly Method[];
  /** The preset's tasks in order, with the ablations that run on them. */
  tasks: { task: Task; ablations: readonly AblationPlan[] }[];
  /** Finished cells. */
  results: readonly CellResult[];
  /** Finished cells that were tested on shifted inputs. */
  robustness?: readonly CellResult[];
  /** Published cells of another preset that rows show. */
  recorded?: readonly CellResult[];
  /** Of cells that do not say where they were trained. */
  machine: Machine;
  /** Markdown on how settings were chosen. */
  settings: string;
  /** Finished cells that were tested on held-out training items, by which rows choose their rates. */
  heldOut?: readonly CellResult[];
  /** The command that trains a row again. */
  command(task: string, method: string): string;
  /** Labels of a cell's test items; for confusion matrices beyond 20 classes. */
  labels?: TestLabels;
  /** Test items of a cell; without them differences have no intervals. */
  items?: ItemsOf;
}

/** A task's table and its ablations. */
export interface Section {
  table: ResultTable;
  ablations: (AblationPlan & { rows: AblationEntry[] })[];
}

/** The tables of a publication and their ablations. */
export function sections({
  preset,
  methods,
  tasks,
  results,
  recorded = [],
  heldOut,
}: Publication): Section[] {
  return tasks.map(({ task, ablations }) => {
    const { runs } = preset.tasks[task.name]!;
    const table = resultTable(task, methods, [...results, ...recorded], runs, heldOut);
    return {
      table,
      ablations: ablations.map((ablation) => ({
        ...ablation,
        rows: ablationEntries(ablation.entries, table, results),
      })),
    };
  });
}
