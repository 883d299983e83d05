/** Result tables as text: what notebooks show, what README.md and CSV files hold. */
import Papa from "papaparse";
import { findTask } from "../../experiments/plan/tasks.js";
import type { Preset, Task } from "../../experiments/types.js";
import { collapsedOf } from "./attention-maps.js";
import {
  type Metric,
  type PaperRow,
  ratesOf,
  type ResultTable,
  rowAt,
  severalRates,
  type TableRow,
  summary,
} from "./rows.js";
import type { Summary } from "../../statistics/summary.js";
import type { TextTable } from "./text-table.js";
import { notChosen, notRun, plusMinus, rateRecorded, rateText } from "./words.js";

export const levelsNote =
  "Levels are not comparable with the paper's (other data, a far smaller encoder): compare differences between rows here, and those with " +
  "care, for the encoder may change them too. Rows of LoRA and at its budget saw fewer items and compare with each other alone.";

/** "paper (IEMOCAP, WavLM-Large)" and "here (RAVDESS, wavlm-mini)". */
function columnHeads({ task }: ResultTable): { paper: string; here: string } {
  return {
    paper: `paper (${task.paper.data}, ${task.paper.encoder})`,
    here: `here (${task.here.data}, ${task.here.encoder})`,
  };
}

/**
 * The table as it is read, every row at the rate that it has chosen: accuracy in % as mean ± population sd; on folds (speech) also macro
 * F1 and unweighted recall of the last epoch; learning rate; trained parameters.
 */
export function readableTable(table: ResultTable): TextTable {
  const { paper, here } = columnHeads(table);
  const speech = table.task.split === "folds";
  return {
    columns: [
      "method",
      paper,
      `${here}, best epoch`,
      "last epoch",
      ...(speech ? ["macro F1", "recall"] : []),
      "rate",
      "parameters",
    ],
    rows: table.rows.map((row) => {
      const runs = row.runs ?? table.runs;
      const shown = (metric: Metric) => accuracyText(row, runs, summary(row, "last", metric));
      return [
        row.title,
        row.paper ? paperText(row.paper) : "–",
        accuracyText(row, runs, summary(row, "best")) || (hasCells(row) ? notChosen : notRun),
        shown("accuracy"),
        ...(speech ? [shown("macroF1"), shown("unweightedRecall")] : []),
        ratesOf(row).map(rateText).join(", ") + (row.rateRecorded ? ` (${rateRecorded})` : ""),
        row.results[0]?.parameters.total.toLocaleString("en") ?? "",
      ];
    }),
  };
}

/** Whether a row has run at any of its rates. */
const hasCells = ({ byRate }: TableRow) => byRate.some(({ results }) => results.length);

/** How to read {@link ratesTable}. */
export const ratesNote =
  "Every row at each of its rates, and the rate that it chose on held-out training items: accuracy in %, mean ± population sd over runs, by " +
  "the paper's protocol (best test epoch) and by ours (last epoch).";

/** Rows that are trained at several rates, at each of them, and which one they chose; no rows in a table where each row has one rate. */
export function ratesTable(table: ResultTable): TextTable {
  const rates = severalRates(table);
  const { length: classes } = table.task.classes;
  const cells = (row: TableRow, rate: number) => {
    if (!row.byRate.some((at) => at.rate === rate)) return ["", ""];
    const found = rowAt(row, rate);
    const collapsed = collapsedOf(found.results, classes);
    const runs = row.runs ?? table.runs;
    const [best, last] = (["best", "last"] as const).map((protocol) =>
      accuracyText(found, runs, summary(found, protocol)),
    ) as [string, string];
    return [best || notRun, last + (collapsed ? `, ${collapsed} collapsed` : "")];
  };
  return {
    columns: [
      "method",
      "chosen",
      ...rates.flatMap((rate) => [`${rateText(rate)}, best epoch`, `${rateText(rate)}, last epoch`]),
    ],
    rows: table.rows
      .filter(({ byRate }) => byRate.length > 1)
      .map((row) => [
        row.title,
        row.chosen === undefined ? "not yet" : rateText(row.chosen),
        ...rates.flatMap((rate) => cells(row, rate)),
      ]),
  };
}

function accuracyText(row: TableRow, runs: number, value: Summary | undefined): string {
  if (!value) return "";
  const text = plusMinus(value);
  if (row.results.length < runs) return `${text} (${row.results.length} of ${runs})`;
  return runs === 1 ? `${text} (1 run)` : text;
}

/** The printed figure; where the paper's own cells contradict it, what they give stands beside it. */
export function paperText({ printed, cells }: PaperRow): string {
  const text = `${printed.mean.toFixed(1)} ± ${printed.sd.toFixed(printed.sd < 10 ? 2 : 1)}`;
  // Cells are rounded to 0.1: small differences prove nothing.
  const agree =
    Math.abs(cells.mean - printed.mean) < 0.1 && Math.abs(cells.sd - printed.sd) <= 0.02 + 0.005 * printed.sd;
  return agree ? text : `${text} (cells: ${plusMinus(cells, 2)})`;
}

const statusOf = ({ results, runs, recorded }: TableRow, all: number) =>
  `${results.length} of ${runs ?? all} runs${recorded ? ` (recorded: ${recorded})` : ""}`;

/** Every figure of a table: the paper's cells and ours, both protocols, as CSV: a line a row, and a rate where rows are trained at several. */
export function csvTable(table: ResultTable, command: (method: string) => string): string {
  const runNames = Array.from({ length: table.runs }, (_, i) => runName(table.task, i));
  const fixed = (value: number | undefined, digits = 2) => value?.toFixed(digits) ?? "";
  const metrics: Metric[] = ["accuracy", "macroF1", "unweightedRecall"];
  const several = severalRates(table).length > 0;
  const lines = table.rows.flatMap((row) =>
    row.byRate.length > 1
      ? row.byRate.map(({ rate }) => ({ row: rowAt(row, rate), chosen: rate === row.chosen }))
      : [{ row, chosen: row.chosen !== undefined }],
  );
  const rows = lines.map(({ row, chosen }) => {
    const [first, paper] = [row.results[0], row.paper];
    const record: Record<string, string | number> = {
      method: row.title,
      group: row.group,
      status: row.method ? statusOf(row, table.runs) : notRun,
    };
    table.task.paperRuns.forEach((name, i) => (record[`paper ${name}`] = paper?.runs[i] ?? ""));
    record["paper printed mean"] = paper?.printed.mean ?? "";
    record["paper printed sd"] = paper?.printed.sd ?? "";
    record["paper mean of cells"] = fixed(paper?.cells.mean);
    record["paper population sd of cells"] = fixed(paper?.cells.sd);
    for (const protocol of ["best", "last"] as const) {
      runNames.forEach((name, i) => {
        const result = row.results.find(({ config }) => config.run === i + 1);
        record[`here ${protocol} ${name}`] = fixed(result && 100 * result[protocol].accuracy);
      });
      for (const metric of metrics) {
        const found = summary(row, protocol, metric);
        record[`here ${protocol} ${metric} mean`] = fixed(found?.mean);
        record[`here ${protocol} ${metric} sd`] = fixed(found?.sd);
      }
    }
    record["learning rate"] = row.chosen ?? "";
    if (several) record["chosen"] = chosen ? "yes" : "";
    record["parameters"] = first?.parameters.total ?? "";
    record["parameters without last linear"] = first?.parameters.withoutLastLinear ?? "";
    record["parameters of attention"] = first?.parameters.attention ?? "";
    record["command"] = row.method ? command(row.method.name) : "";
    return record;
  });
  return Papa.unparse(rows, { newline: "\n" }) + "\n";
}

/** "5 folds × 5 seeds", "10 runs", "1 fold". */
export function runsText({ split, paperRuns }: Task, runs: number): string {
  const seeds = runs / paperRuns.length;
  if (split === "folds" && seeds > 1) return `${paperRuns.length} folds × ${Number(seeds.toFixed(1))} seeds`;
  return `${runs} ${runs === 1 ? split.slice(0, -1) : split}`;
}

/** Runs of an ablation's variants, and whether some are missing: "5 folds", "1 run, incomplete". */
export function ablationRuns(task: Task, { rows }: { rows: readonly { row: TableRow }[] }): string {
  const runs = rows.map(({ row }) => row.results.length);
  const most = Math.max(1, ...runs);
  return runsText(task, most) + (runs.every((count) => count === most) ? "" : ", incomplete");
}

/** Items and epochs of the rows that fine-tune and of those compared with them; empty where a preset has none. */
export function budgetNote({ name, tasks }: Preset): string {
  const budgets = Object.entries(tasks).flatMap(([task, { fineTuning }]) => {
    if (!fineTuning) return [];
    const { epochs, trainItems, runs } = fineTuning;
    const items = trainItems === undefined ? "all" : trainItems.toLocaleString("en");
    const seeds = `${runs.corrected}${runs.published === runs.corrected ? "" : ` (as published ${runs.published})`}`;
    return [
      `${task} ${items} training items, ${epochs} ${epochs === 1 ? "epoch" : "epochs"}, ${seeds} ${findTask(task).split}`,
    ];
  });
  return budgets.length ? `Rows of LoRA and at LoRA's budget, preset ${name}: ${budgets.join("; ")}.` : "";
}

/** An ablation as a table: a line a variant. */
export function ablationTable(entries: readonly { label: string; row: TableRow }[]): TextTable {
  return {
    columns: ["variant", "runs", "rate", "best epoch", "last epoch", "parameters of attention"],
    rows: entries.map(({ label, row }) => {
      const first = row.results[0];
      if (!first) return [label, "0", "", notRun, notRun, ""];
      return [
        label,
        String(row.results.length),
        ratesOf(row).map(rateText).join(", "),
        accuracyText(row, 0, summary(row, "best")),
        accuracyText(row, 0, summary(row, "last")),
        first.parameters.attention.toLocaleString("en"),
      ];
    }),
  };
}

/** "F2", and "F2 seed 3" where folds are run with further seeds. */
function runName({ split, paperRuns }: Task, index: number): string {
  const name = paperRuns[index % paperRuns.length]!;
  if (index < paperRuns.length) return name;
  return split === "folds" ? `${name} seed ${1 + Math.floor(index / paperRuns.length)}` : `R${index + 1}`;
}
