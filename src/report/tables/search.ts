/** How rows choose their rates by trainings that were judged on held-out training items. */
import { mean } from "simple-statistics";
import { heldOutRuns, rowOfVariant } from "../../experiments/plan/budget.js";
import { choose, type Choice } from "../../experiments/plan/rates.js";
import type { CellResult, Method } from "../../experiments/types.js";
import type { TextTable } from "./text-table.js";
import { rateText } from "./words.js";

/** The learning rates of cells, ascending. */
export const sortedRates = (results: readonly CellResult[]): number[] =>
  [...new Set(results.map(({ config }) => config.learningRate))].sort((a, b) => a - b);

/** A row's trainings that were judged on held-out training items, by rate, ascending: their accuracies at the last epoch, in 0–1. */
function heldOutOf(
  heldOut: readonly CellResult[],
  task: string,
  method: string,
): { rate: number; accuracies: number[] }[] {
  const own = heldOut.filter(({ config }) => config.task === task && config.method === method);
  return sortedRates(own).map((rate) => ({
    rate,
    accuracies: own.filter(({ config }) => config.learningRate === rate).map(({ last }) => last.accuracy),
  }));
}

/** What a row of a table, or the row that it varies, is tried at and has chosen, as the plan chooses. */
export function choiceOf(
  heldOut: readonly CellResult[],
  task: string,
  method: Method,
  grid: readonly number[],
): Choice {
  const row = rowOfVariant(method);
  const tried = heldOutOf(heldOut, task, row.name);
  return choose(grid, (rate) => {
    const accuracies = tried.find((entry) => entry.rate === rate)?.accuracies ?? [];
    return accuracies.length >= heldOutRuns(row, task) ? accuracies : undefined;
  });
}

/** How to read {@link searchTable}. */
export const searchNote =
  "Means of the seeds in brackets: near ties are luck, and a rate at the edge of the grid may not be the best there is. Where rates are " +
  "equally good, as when a row learns with none, the middle one is taken. A row without a figure in bold has not chosen yet.";

/**
 * The choice of rates on a task, a line a row: accuracy in % on held-out training items at the last epoch for each rate, the chosen one
 * marked.
 */
export function searchTable(
  heldOut: readonly CellResult[],
  task: string,
  methods: readonly Method[],
): TextTable {
  const rows = methods.flatMap((method) => {
    const tried = heldOutOf(heldOut, task, method.name);
    const grid = method.rates?.(task) ?? [];
    return tried.length ? [{ method, tried, ...choiceOf(heldOut, task, method, grid) }] : [];
  });
  const rates = [...new Set(rows.flatMap(({ tried }) => tried.map(({ rate }) => rate)))].sort(
    (a, b) => a - b,
  );
  return {
    columns: ["method", ...rates.map(rateText)],
    rows: rows.map(({ method, tried, chosen }) => [
      method.title,
      ...rates.map((rate) => {
        const found = tried.find((entry) => entry.rate === rate);
        const text = found
          ? `${(100 * mean(found.accuracies)).toFixed(1)} (${found.accuracies.length})`
          : "–";
        return rate === chosen ? `**${text}**` : text;
      }),
    ]),
  };
}
