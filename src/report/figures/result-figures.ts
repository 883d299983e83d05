/** From result tables to the figures of notebooks and of published results. */
import { paperLearned } from "../../experiments/paper.js";
import type { Task } from "../../experiments/types.js";
import {
  collapsedOf,
  confusionCounts,
  importanceFactors,
  learnedRange,
  sharesOfLayers,
  type TestLabels,
} from "../tables/attention-maps.js";
import type { Figure } from "./figure.js";
import { importanceHeatmap, layerShares, learnedRanges } from "./attention.js";
import { efficiencyFigure } from "./efficiency.js";
import { ablationFigure, verdictFigure } from "./results.js";
import { confusionMatrix, learningCurves } from "./training.js";
import { summarise } from "../../statistics/summary.js";
import { curve, type ResultTable, rowOf, seesAll, summary, type TableRow } from "../tables/rows.js";
import { runsText } from "../tables/tables.js";

/** The row whose attention is shown: the paper's figures are of DAAMv1. */
const SHOWN = "daam-v1";

const dataset = ({ task }: ResultTable) => `${task.here.data}, ${task.here.encoder}`;

/** "5 folds × 5 seeds", "2 of 10 runs": of the given rows those that have most. */
function runsOf({ task, runs }: ResultTable, rows: readonly TableRow[]): string {
  const most = Math.max(0, ...rows.map(({ results }) => results.length));
  const fewest = Math.min(...rows.map(({ results }) => results.length));
  return most < runs || fewest < most ? `up to ${most} of ${runsText(task, runs)}` : runsText(task, runs);
}

/** Test accuracy over the epochs, published decoders beside corrected and added ones; rows that saw fewer items are left out. */
export function learningCurvesOf(table: ResultTable): Figure {
  const rows = table.rows.filter((row) => row.results.length && seesAll(row));
  const curves = (group: TableRow["group"]) =>
    rows.filter((row) => row.group === group).map((row) => ({ name: row.title, ...curve(row) }));
  const panels = [
    { title: "published decoders", curves: curves("published") },
    { title: "corrected or added decoders", curves: curves("corrected") },
  ];
  return learningCurves(
    `Learning curves: ${dataset(table)}, mean ± sd of ${runsOf(table, rows)}`,
    panels.filter((panel) => panel.curves.length),
  );
}

/** Last-epoch accuracy of every row against its trained parameters and its seconds of training a run; a star marks rows that saw fewer items. */
export function efficiencyOf(table: ResultTable): Figure {
  return efficiencyFigure(
    `Accuracy against cost: ${dataset(table)}, last epoch, mean ± sd over runs (*: fewer items)`,
    table.rows
      .filter((row) => row.results.length)
      .map((row) => ({
        label: seesAll(row) ? row.title : `${row.title} *`,
        accuracy: summary(row, "last")!,
        parameters: row.results[0]!.parameters.total,
        seconds: summarise(row.results.map(({ seconds }) => seconds)).mean,
      })),
  );
}

/** Last-epoch confusion of a method, summed over runs; undefined when it has not run. */
export function confusionOf(table: ResultTable, labels?: TestLabels, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const counts = row && confusionCounts(row.results, table.task.classes.length, labels);
  return (
    counts &&
    confusionMatrix(
      `Confusion matrix: ${row.title}, last epoch, ${runsOf(table, [row])}`,
      table.task.classes,
      counts,
    )
  );
}

/** Importance factor, feature × layer, of a method's mean map over test items; undefined without one. */
export function importanceOf(table: ResultTable, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const factors = row && importanceFactors(row.results);
  return (
    factors &&
    importanceHeatmap(
      `Importance factor: ${row.title}, ${dataset(table)}, mean of ${runsOf(table, [row])}`,
      factors,
    )
  );
}

/** Share of each layer in a method's attention over test items; undefined without a map. */
export function sharesOf(table: ResultTable, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const shares = row && sharesOfLayers(row.results);
  const title = `Share of each layer in the attention: ${row?.title}, ${dataset(table)}`;
  return shares && layerShares(title, row.results.length > 1 ? shares : { mean: shares.mean });
}

/** Learned δ and c of a method, widest over runs, beside the paper's. */
export function learnedRangesOf(tables: readonly ResultTable[], method = SHOWN): Figure {
  const title = rowOf(tables[0]!, method)?.title ?? method;
  return learnedRanges(
    `Learned δ and c of ${title}: smallest to largest, here over all runs`,
    tables.map((table) => {
      const here = learnedRange(rowOf(table, method)?.results ?? []);
      const paper = (paperLearned as Record<string, typeof here>)[table.task.name];
      return { task: table.task.name, ...(paper && { paper }), ...(here && { here }) };
    }),
  );
}

/** The rows of every table, the paper beside here: decoders that see all items, or rows of LoRA and those at its budget. */
export function verdictOf(
  tables: readonly ResultTable[],
  which: "all items" | "few items" = "all items",
): Figure | undefined {
  const shown = (row: TableRow) => (seesAll(row) && row.group !== "recorded") === (which === "all items");
  if (!tables.some(({ rows }) => rows.some(shown))) return undefined;
  const subject = which === "all items" ? "every decoder" : "LoRA and decoders at its budget";
  return verdictFigure(
    `Accuracy of ${subject} in %: the paper beside here`,
    tables.map(({ task, rows }) => ({
      title: task.title,
      paper: `${task.paper.data}, ${task.paper.encoder}`,
      here: `${task.here.data}, ${task.here.encoder}`,
      rows: rows.filter(shown).map((row) => {
        const [best, last] = [summary(row, "best"), summary(row, "last")];
        return {
          label: marked(row.title, row, task, "here "),
          group: row.group,
          ...(row.paper && { paper: row.paper.cells }),
          ...(best && { best }),
          ...(last && { last }),
        };
      }),
    })),
  );
}

/** "MHA (here 21 of 25 collapsed)". */
function marked(label: string, { results }: TableRow, { classes }: Task, here = ""): string {
  const n = collapsedOf(results, classes.length);
  return n ? `${label} (${here}${n} of ${results.length} collapsed)` : label;
}

/** A variant of an ablation and its cells. */
export interface AblationEntry {
  label: string;
  row: TableRow;
}

/** Variants of an ablation; the dashed line is no attention on all layers, last epoch. */
export function ablationOf(title: string, entries: readonly AblationEntry[], table: ResultTable): Figure {
  const none = rowOf(table, "no-attention");
  const value = none && summary({ ...none, results: none.results.slice(0, 1) }, "last")?.mean;
  return ablationFigure(
    title,
    entries.map(({ label, row }) => {
      const [best, last] = [summary(row, "best"), summary(row, "last")];
      return { label: marked(label, row, table.task), ...(best && { best }), ...(last && { last }) };
    }),
    value === undefined ? undefined : { label: "no attention, run 1, last epoch", value },
  );
}
