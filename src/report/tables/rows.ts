/** From finished cells to the rows of a table, beside the paper's. */
import { printedRows, type PrintedRow } from "../../experiments/paper.js";
import type { CellResult, EpochRecord, Method, Task } from "../../experiments/types.js";
import { summarise, type Summary, tidy } from "../../statistics/summary.js";

/** The paper reports the best test epoch of a run; the last epoch involves no choice on test data. */
export type Protocol = "best" | "last";
export type Metric = "accuracy" | "macroF1" | "unweightedRecall";

/** A row of the paper's table, with the mean and population sd that its cells give beside the printed ones. */
export interface PaperRow extends PrintedRow {
  cells: Summary;
}

export interface TableRow {
  title: string;
  group: Method["group"] | "recorded";
  /** Left out for rows that only the paper has. */
  method?: Method;
  paper?: PaperRow;
  /** Finished cells in the order of their runs. */
  results: CellResult[];
  /** Runs of the complete row, where they are not the table's. */
  runs?: number;
  /** The preset whose published cells are shown. */
  recorded?: string;
}

export interface ResultTable {
  task: Task;
  /** Runs or folds that every row has when complete. */
  runs: number;
  rows: TableRow[];
  /** Whether every row that is trained here has all of its runs. */
  complete: boolean;
}

/** The paper's rows of a task; empty for a task that the paper does not have. */
export const paperRows = (task: string): PaperRow[] =>
  printedRows(task).map((row) => ({ ...row, cells: summarise(row.runs) }));

/**
 * The table of a task: rows that are only recorded (LoRA, LoRA+), then the published ones, then the corrected and added.
 * @param results cells of any task; others are passed over.
 * @param runs how many runs or folds a complete row has, where its method does not say.
 */
export function resultTable(
  task: Task,
  methods: readonly Method[],
  results: readonly CellResult[],
  runs: number,
): ResultTable {
  const paper = paperRows(task.name);
  const trained = methods.map((method): TableRow => {
    const row = paper.find(({ title }) => title === method.paperRow);
    const { recorded } = method;
    return {
      title: recorded ? `${method.title} (recorded: ${recorded})` : method.title,
      group: method.group,
      method,
      results: cellsOf(results, task, method),
      ...(row && { paper: row }),
      ...(method.runs && { runs: method.runs(task.name) }),
      ...(recorded && { recorded }),
    };
  });
  const recorded = paper
    .filter((row) => !methods.some((method) => method.paperRow === row.title))
    .map((row): TableRow => ({ title: row.title, group: "recorded", paper: row, results: [] }));
  const inGroup = (group: TableRow["group"]) => trained.filter((row) => row.group === group);
  return {
    task,
    runs,
    rows: [...recorded, ...inGroup("published"), ...inGroup("corrected"), ...inGroup("ablation")],
    complete: trained.every((row) => row.recorded || row.results.length >= (row.runs ?? runs)),
  };
}

function cellsOf(results: readonly CellResult[], task: Task, method: Method): CellResult[] {
  return results
    .filter(({ config }) => config.task === task.name && config.method === method.name)
    .sort((a, b) => a.config.run - b.config.run);
}

/** Cells of the rows that are trained here: finished ones, and all. */
export function cellCounts({ rows, runs }: ResultTable): { done: number; all: number } {
  const own = rows.filter((row) => row.method && !row.recorded);
  return {
    done: own.reduce((sum, row) => sum + row.results.length, 0),
    all: own.reduce((sum, row) => sum + (row.runs ?? runs), 0),
  };
}

/** A metric of every finished run, in %. */
export function values(row: TableRow, protocol: Protocol, metric: Metric = "accuracy"): number[] {
  return row.results.map((result) => tidy(100 * result[protocol][metric]));
}

/** Mean and population sd of a metric over the finished runs, in %; undefined without runs. */
export function summary(row: TableRow, protocol: Protocol, metric: Metric = "accuracy"): Summary | undefined {
  return row.results.length ? summarise(values(row, protocol, metric)) : undefined;
}

/** Mean and population sd over runs of an epoch's metric in %, one entry an epoch that all runs have. */
export function curve(
  row: TableRow,
  metric: keyof EpochRecord = "accuracy",
): { mean: number[]; sd: number[] } {
  const epochs = Math.min(...row.results.map((result) => result.curve.length));
  const points = Array.from({ length: Number.isFinite(epochs) ? epochs : 0 }, (_, epoch) =>
    summarise(row.results.map((result) => 100 * result.curve[epoch]![metric])),
  );
  return { mean: points.map(({ mean }) => mean), sd: points.map(({ sd }) => sd) };
}

/** The learning rates of a row's finished runs, ascending. */
export const ratesOf = (row: TableRow | undefined): number[] =>
  [...new Set(row?.results.map(({ config }) => config.learningRate))].sort((a, b) => a - b);

/** Whether a row trains on all items of its task, as those that fine-tune, and those at their budget, do not. */
export const seesAll = ({ method }: TableRow) => !method?.fineTuning && !method?.budget;

/** The row of a method in a table. */
export function rowOf(table: ResultTable, method: string): TableRow | undefined {
  return table.rows.find((row) => row.method?.name === method);
}

/**
 * The cells of an ablation's variant: run 1 alone, also of variants that are rows of the table; all runs of a choice of layers, and which
 * layers were chosen.
 */
export function ablationEntry(
  { label, method }: { label: string; method: Method },
  task: Task,
  results: readonly CellResult[],
): { label: string; row: TableRow } {
  const cells = cellsOf(results, task, method).slice(0, method.layers ? undefined : 1);
  const chosen = cells.flatMap(({ config: { stages } }) =>
    stages[0]?.kind === "layers" ? [stages[0].indices.map((index) => index + 1).join(", ")] : [],
  );
  const layers = chosen.length ? ` (${[...new Set(chosen)].join("; ")})` : "";
  return { label: label + layers, row: { title: method.title, group: "ablation", method, results: cells } };
}
