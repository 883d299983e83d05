/** Tables as text: what notebooks show, what README.md and CSV files hold. */
import Papa from "papaparse";
import type { PaperRow } from "../experiments/paper.js";
import type { Task } from "../experiments/types.js";
import { type Metric, type ResultTable, type TableRow, summary } from "./rows.js";
import { plusMinus, summarise, type Summary } from "./statistics.js";

/** Columns of strings: the form that Markdown, CSV and data frames are made from. */
export interface TextTable {
  columns: string[];
  rows: string[][];
}

/** A table to be read: first cells that repeat the line above are left blank. */
export const withoutRepeats = ({ columns, rows }: TextTable): TextTable => ({
  columns,
  rows: rows.map(([first, ...rest], i) => [rows[i - 1]?.[0] === first ? "" : first!, ...rest]),
});

export const levelsNote =
  "Levels are not comparable (other data, a far smaller encoder); the order of the rows is.";
const notRun = "not run yet";

/** "paper (IEMOCAP, WavLM-Large)" and "here (RAVDESS, wavlm-mini)". */
export function columnHeads({ task }: ResultTable): { paper: string; here: string } {
  return {
    paper: `paper (${task.paper.data}, ${task.paper.encoder})`,
    here: `here (${task.here.data}, ${task.here.encoder})`,
  };
}

/**
 * The table as it is read: accuracy in % as mean ± population sd; on folds (speech) also macro F1 and unweighted recall of the
 * last epoch; trained parameters; seconds a run.
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
      "parameters",
      "s / run",
    ],
    rows: table.rows.map((row) => {
      const runs = row.runs ?? table.runs;
      const shown = (metric: Metric) => accuracyText(row, runs, summary(row, "last", metric));
      return [
        row.title,
        row.paper ? paperText(row.paper) : "–",
        accuracyText(row, runs, summary(row, "best")) || notRun,
        shown("accuracy"),
        ...(speech ? [shown("macroF1"), shown("unweightedRecall")] : []),
        row.results[0]?.parameters.total.toLocaleString("en") ?? "",
        row.results.length ? seconds(row).toFixed(1) : "",
      ];
    }),
  };
}

function accuracyText(row: TableRow, runs: number, value: Summary | undefined): string {
  if (!value) return "";
  const text = value.n > 1 ? plusMinus(value) : value.mean.toFixed(1);
  return row.results.length < runs ? `${text} (${row.results.length} of ${runs})` : text;
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

const seconds = (row: TableRow) => summarise(row.results.map((result) => result.seconds)).mean;

/** Every figure of a table: the paper's cells and ours, both protocols, as CSV. */
export function csvTable(table: ResultTable, command: (method: string) => string): string {
  const runNames = Array.from({ length: table.runs }, (_, i) => runName(table.task, i));
  const fixed = (value: number | undefined, digits = 2) => value?.toFixed(digits) ?? "";
  const metrics: Metric[] = ["accuracy", "macroF1", "unweightedRecall"];
  const rows = table.rows.map((row) => {
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
    record["parameters"] = first?.parameters.total ?? "";
    record["parameters without last linear"] = first?.parameters.withoutLastLinear ?? "";
    record["parameters of attention"] = first?.parameters.attention ?? "";
    record["seconds a run"] = row.results.length ? seconds(row).toFixed(2) : "";
    record["command"] = row.method ? command(row.method.name) : "";
    return record;
  });
  return Papa.unparse(rows, { newline: "\n" }) + "\n";
}

/** "5 folds × 5 seeds", "10 runs". */
export function runsText({ split, paperRuns }: Task, runs: number): string {
  const seeds = runs / paperRuns.length;
  return split === "folds" && seeds > 1
    ? `${paperRuns.length} folds × ${Number(seeds.toFixed(1))} seeds`
    : `${runs} ${split}`;
}

/** A Markdown table; the first column is aligned left, the others right. */
export function toMarkdown({ columns, rows }: TextTable): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = columns.map((_, i) => (i ? "---:" : "---"));
  return [line(columns), line(rule), ...rows.map(line)].join("\n") + "\n";
}

/** CSV of a text table. */
export function toCsv({ columns, rows }: TextTable): string {
  return Papa.unparse({ fields: columns, data: rows }, { newline: "\n" }) + "\n";
}

/** An ablation as a table: a line a variant. */
export function ablationTable(entries: readonly { label: string; row: TableRow }[]): TextTable {
  return {
    columns: ["variant", "runs", "best epoch", "last epoch", "parameters of attention", "s / run"],
    rows: entries.map(({ label, row }) => {
      const first = row.results[0];
      if (!first) return [label, "0", notRun, notRun, "", ""];
      return [
        label,
        String(row.results.length),
        accuracyText(row, 0, summary(row, "best")),
        accuracyText(row, 0, summary(row, "last")),
        first.parameters.attention.toLocaleString("en"),
        seconds(row).toFixed(1),
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
