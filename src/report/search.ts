import type { Trial } from "../experiments/rates.js";
import type { Method } from "../experiments/types.js";
import type { TextTable } from "./tables.js";

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
