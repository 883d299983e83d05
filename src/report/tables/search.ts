import type { Trial } from "../../experiments/plan/rates.js";
import type { Method } from "../../experiments/types.js";
import type { TextTable } from "./tables.js";

/**
 * How to read {@link searchTable}.
 * @param methods all rows of the preset on a task
 * @param usual the rate of rows that have not chosen
 */
export function searchNote(trials: readonly Trial[], methods: readonly Method[], usual: number): string {
  const chosen = new Set(trials.map(({ method }) => method));
  const open = methods.filter(({ name, variantOf }) => !chosen.has(variantOf ?? name));
  return (
    "One seed each: near ties are luck, and a rate at the edge of the grid may not be the best there is. Where rates are equally good, as when " +
    "a row learns with none, the middle one is taken." +
    (open.length ? ` Not searched, at ${usual}: ${open.map(({ title }) => title).join("; ")}.` : "")
  );
}

/**
 * The search over learning rates, a line a row: accuracy in % on held-out training items at the last epoch for each rate, the chosen one
 * marked.
 * @param trials of one task
 * @param rates what the rows have chosen
 */
export function searchTable(
  trials: readonly Trial[],
  methods: readonly Method[],
  rates: Readonly<Record<string, number>>,
): TextTable {
  const tried = [...new Set(trials.map(({ rate }) => rate))].sort((a, b) => a - b);
  return {
    columns: ["method", ...tried.map(String)],
    rows: methods.flatMap(({ name, title }) => {
      const own = trials.filter(({ method }) => method === name);
      const cell = (rate: number) => {
        const found = own.find((trial) => trial.rate === rate);
        const text = found ? (100 * found.last).toFixed(1) : "–";
        return rates[name] === rate ? `**${text}**` : text;
      };
      return own.length ? [[title, ...tried.map(cell)]] : [];
    }),
  };
}
