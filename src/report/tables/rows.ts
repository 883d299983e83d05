/** From finished cells to the rows of a table, beside the paper's. */
import { printedRows, type PrintedRow } from "../../experiments/paper.js";
import type { Choice } from "../../experiments/plan/rates.js";
import type { CellResult, EpochRecord, Method, Task } from "../../experiments/types.js";
import { summarise, type Summary, tidy } from "../../statistics/summary.js";
import { choiceOf, sortedRates } from "./search.js";
import { rateText } from "./words.js";

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
  /** Finished cells at the rate that the row has chosen, in the order of their runs; none while it has not. */
  results: CellResult[];
  /** Finished cells at every rate that the row is trained at, ascending; only the chosen one where it is trained at that alone. */
  byRate: { rate: number; results: CellResult[] }[];
  /** Undefined while trainings are missing by which the row chooses, and for rows that have not run at their only rate. */
  chosen?: number;
  /** Runs of the complete row, at each of its rates, where they are not the table's. */
  runs?: number;
  /** The preset whose published cells are shown. */
  recorded?: string;
  /** Whether its cells have a rate that stands from earlier: the trainings are missing by which the row chooses now. */
  rateRecorded?: boolean;
}

export interface ResultTable {
  task: Task;
  /** Runs or folds that every row has when complete, at each of its rates. */
  runs: number;
  rows: TableRow[];
  /** Whether every row that is trained here has all of its runs and has chosen its rate. */
  complete: boolean;
}

/** The paper's rows of a task; empty for a task that the paper does not have. */
export const paperRows = (task: string): PaperRow[] =>
  printedRows(task).map((row) => ({ ...row, cells: summarise(row.runs) }));

/**
 * The table of a task: rows that are only recorded (LoRA, LoRA+), then the published ones, then the corrected and added.
 * @param results cells of any task; others are passed over.
 * @param runs how many runs or folds a complete row has, where its method does not say.
 * @param heldOut cells that were tested on held-out training items, by which rows choose their rates
 */
export function resultTable(
  task: Task,
  methods: readonly Method[],
  results: readonly CellResult[],
  runs: number,
  heldOut: readonly CellResult[] = [],
): ResultTable {
  const paper = paperRows(task.name);
  const trained = methods.map((method): TableRow => {
    const row = paper.find(({ title }) => title === method.paperRow);
    const { recorded } = method;
    return {
      title: recorded ? `${method.title} (recorded: ${recorded})` : method.title,
      group: method.group,
      method,
      ...cellsByRate(task, method, results, heldOut),
      ...(row && { paper: row }),
      ...(method.runs && { runs: method.runs(task.name) }),
      ...(recorded && { recorded }),
      ...(!recorded && hasRecordedRate(task, method, results, heldOut) && { rateRecorded: true }),
    };
  });
  const recorded = paper
    .filter((row) => !methods.some((method) => method.paperRow === row.title))
    .map((row): TableRow => ({ title: row.title, group: "recorded", paper: row, results: [], byRate: [] }));
  const inGroup = (group: TableRow["group"]) => trained.filter((row) => row.group === group);
  return {
    task,
    runs,
    rows: [...recorded, ...inGroup("published"), ...inGroup("corrected"), ...inGroup("ablation")],
    complete: trained.every((row) => row.recorded || isComplete(row, runs)),
  };
}

/** Whether a row has all of its runs at every rate, and has chosen. */
export const isComplete = ({ chosen, byRate, runs }: TableRow, all: number): boolean =>
  chosen !== undefined && byRate.every(({ results }) => results.length >= (runs ?? all));

function cellsByRate(
  task: Task,
  method: Method,
  results: readonly CellResult[],
  heldOut: readonly CellResult[],
): Pick<TableRow, "results" | "byRate" | "chosen"> {
  const own = cellsOf(results, task, method);
  const { rates, chosen } = ratesOfRow(task, method, own, heldOut);
  const byRate = rates.map((rate) => ({
    rate,
    results: own.filter(({ config }) => config.learningRate === rate),
  }));
  return {
    byRate,
    ...(chosen !== undefined && { chosen }),
    results: byRate.find(({ rate }) => rate === chosen)?.results ?? [],
  };
}

/** What a row is trained at and has chosen: by held-out trainings where it is trained at several rates, else the only rate of its cells. */
function ratesOfRow(
  task: Task,
  method: Method,
  own: readonly CellResult[],
  heldOut: readonly CellResult[],
): Choice {
  const found = sortedRates(own);
  const grid = method.everyRate ? method.rates?.(task.name) : undefined;
  if (!grid) return { rates: found, ...(found.length === 1 && { chosen: found[0]! }) };
  const { rates, chosen } = choiceOf(heldOut, task.name, method, grid);
  return {
    rates: [...new Set([...found, ...rates])].sort((a, b) => a - b),
    ...(chosen !== undefined && { chosen }),
  };
}

/** Of rows that are trained at the chosen rate alone. */
function hasRecordedRate(
  task: Task,
  method: Method,
  results: readonly CellResult[],
  heldOut: readonly CellResult[],
): boolean {
  const grid = method.everyRate ? undefined : method.rates?.(task.name);
  if (!grid || !cellsOf(results, task, method).length) return false;
  return choiceOf(heldOut, task.name, method, grid).chosen === undefined;
}

function cellsOf(results: readonly CellResult[], task: Task, method: Method): CellResult[] {
  return results
    .filter(({ config }) => config.task === task.name && config.method === method.name)
    .sort((a, b) => a.config.run - b.config.run);
}

/** Cells of the rows that are trained here, at all of their rates: finished ones, and all. */
export function cellCounts({ rows, runs }: ResultTable): { done: number; all: number } {
  const own = rows.filter((row) => row.method && !row.recorded);
  const done = (row: TableRow) => row.byRate.reduce((sum, { results }) => sum + results.length, 0);
  return {
    done: own.reduce((sum, row) => sum + done(row), 0),
    all: own.reduce((sum, row) => sum + Math.max(1, row.byRate.length) * (row.runs ?? runs), 0),
  };
}

/** A row as if it were trained at one rate alone. */
export const rowAt = (row: TableRow, rate: number): TableRow => {
  const byRate = row.byRate.filter((at) => at.rate === rate);
  return { ...row, chosen: rate, byRate, results: byRate[0]?.results ?? [] };
};

/** The rates of rows that are trained at several, ascending; none in a table where each row has one. */
export const severalRates = ({ rows }: ResultTable): number[] =>
  [...new Set(rows.flatMap(({ byRate }) => (byRate.length > 1 ? byRate.map(({ rate }) => rate) : [])))].sort(
    (a, b) => a - b,
  );

/** A table at one rate: the rows that are trained at it among others. */
export const tableAt = (table: ResultTable, rate: number): ResultTable => ({
  ...table,
  rows: table.rows.flatMap((row) =>
    row.byRate.length > 1 && row.byRate.some((at) => at.rate === rate) ? [rowAt(row, rate)] : [],
  ),
});

/**
 * A table at each of its {@link severalRates}, then with every row at the rate that it has chosen; as it is where each row has one.
 * @returns `rates` tells which: "1e-3", "chosen", or "" in tables of one rate a row
 */
export function atEachRate(table: ResultTable): { rates: string; table: ResultTable }[] {
  const several = severalRates(table);
  if (!several.length) return [{ rates: "", table }];
  return [
    ...several.map((rate) => ({ rates: rateText(rate), table: tableAt(table, rate) })),
    { rates: "chosen", table },
  ];
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

/** The learning rates of the runs that a row is judged by, ascending. */
export const ratesOf = (row: TableRow | undefined): number[] => sortedRates(row?.results ?? []);

/** Whether a row trains on all items of its task, as those that fine-tune, and those at their budget, do not. */
export const seesAll = ({ method }: TableRow) => !method?.fineTuning && !method?.budget;

/** The row of a method in a table. */
export function rowOf(table: ResultTable, method: string): TableRow | undefined {
  return table.rows.find((row) => row.method?.name === method);
}

/** A variant of an ablation and its cells. */
export interface AblationEntry {
  label: string;
  row: TableRow;
}

/**
 * The cells of an ablation's variants: run 1 alone, also of variants that are rows of the table; all runs of a choice of layers, and which
 * layers were chosen. A row of the table is taken at the rate of the variants beside it, where they have one.
 */
export function ablationEntries(
  entries: readonly { label: string; method: Method }[],
  table: ResultTable,
  results: readonly CellResult[],
): AblationEntry[] {
  const variants = entries.map(({ method }) =>
    method.group === "ablation" ? cellsOf(results, table.task, method) : [],
  );
  const rates = sortedRates(variants.flat());
  return entries.map(({ label, method }, i): AblationEntry => {
    const row = rowOf(table, method.name);
    if (method.group !== "ablation" && row) {
      const at = rates.length === 1 && row.byRate.length > 1 ? rowAt(row, rates[0]!) : row;
      return { label, row: firstRuns({ ...at, group: "ablation" }, 1) };
    }
    const found = variants[i]!.slice(0, method.layers ? undefined : 1);
    const { title } = method;
    const chosen = found.flatMap(({ config: { stages } }) =>
      stages[0]?.kind === "layers" ? [stages[0].indices.map((index) => index + 1).join(", ")] : [],
    );
    const layers = chosen.length ? ` (${[...new Set(chosen)].join("; ")})` : "";
    const byRate = sortedRates(found).map((rate) => ({ rate, results: found }));
    return { label: label + layers, row: { title, group: "ablation", method, results: found, byRate } };
  });
}

/** A row with the first so many of its runs alone. */
export const firstRuns = (row: TableRow, count: number): TableRow => ({
  ...row,
  results: row.results.filter(({ config }) => config.run <= count),
});
