import { mean } from "simple-statistics";
import { rowOfVariant } from "../../experiments/plan/budget.js";
import { bestRate } from "../../experiments/plan/rates.js";
import type { CellResult, Method } from "../../experiments/types.js";
import type { TextTable } from "./tables.js";
import { rateText } from "./words.js";

/** A row's trainings that were judged on held-out training items, by rate, ascending: their mean accuracy at the last epoch, in 0–1. */
export function heldOutOf(
  heldOut: readonly CellResult[],
  task: string,
  method: string,
): { rate: number; accuracy: number; runs: number }[] {
  const own = heldOut.filter(({ config }) => config.task === task && config.method === method);
  const rates = [...new Set(own.map(({ config }) => config.learningRate))].sort((a, b) => a - b);
  return rates.map((rate) => {
    const runs = own.filter(({ config }) => config.learningRate === rate);
    return { rate, accuracy: mean(runs.map(({ last }) => last.accuracy)), runs: runs.length };
  });
}

/** The rate that a row has chosen, and its variants take; undefined where nothing was tried. */
export function chosenRate(heldOut: readonly CellResult[], task: string, method: Method): number | undefined {
  const tried = heldOutOf(heldOut, task, rowOfVariant(method).name);
  return tried.length ? bestRate(tried) : undefined;
}

/** How to read {@link searchTable}. */
export const searchNote =
  "Means of the seeds in brackets: near ties are luck, and a rate at the edge of the grid may not be the best there is. Where rates are " +
  "equally good, as when a row learns with none, the middle one is taken.";

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
    return tried.length ? [{ method, tried, chosen: bestRate(tried) }] : [];
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
        const text = found ? `${(100 * found.accuracy).toFixed(1)} (${found.runs})` : "–";
        return rate === chosen ? `**${text}**` : text;
      }),
    ]),
  };
}
