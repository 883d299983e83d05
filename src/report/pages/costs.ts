/** The page of what cells took: the only one that differs between runs with equal digits. */
import type { CellResult } from "../../experiments/types.js";
import { machineText } from "../../machine.js";
import { summarise } from "../../statistics/summary.js";
import { type TextTable, toMarkdown, withoutRepeats } from "../tables/text-table.js";

/** Mean seconds of a row's cells and the highest memory, a line a task and row. */
function costsTable(results: readonly CellResult[]): TextTable {
  const rows = new Map<string, CellResult[]>();
  for (const result of results) {
    const { task, method, input } = result.config;
    const key = JSON.stringify([task, input ? `${method}, changed hidden states` : method]);
    rows.set(key, [...(rows.get(key) ?? []), result]);
  }
  return {
    columns: ["task", "row", "cells", "seconds a cell", "most memory, MB"],
    rows: [...rows].map(([key, cells]) => [
      ...(JSON.parse(key) as string[]),
      String(cells.length),
      summarise(cells.map(({ seconds }) => seconds)).mean.toFixed(1),
      String(Math.round(Math.max(...cells.map(({ peakMemoryMB }) => peakMemoryMB)))),
    ]),
  };
}

/** Markdown of the costs of a publication's cells, which `costs.json` has one by one. */
export function costsPage(preset: string, results: readonly CellResult[]): string {
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const peak = Math.max(0, ...results.map(({ peakMemoryMB }) => peakMemoryMB));
  const blocks = [
    `# What the cells of preset ${preset} took`,
    "Generated from `costs.json`; not to be edited. Costs may differ where all digits agree; those of a cell stay as they were published as " +
      "long as its digits do.",
    `${results.length} cells, ${Math.round(seconds)} s of training in all workers together, at most ${Math.round(peak)} MB a worker. ` +
      "Seconds are a worker's by the clock, whatever else the machine did meanwhile: rows that differ by less than twice may not differ. " +
      "Those of decoders are without making the hidden states, those of LoRA with the encoder.",
    places(results).join("\n"),
    toMarkdown(withoutRepeats(costsTable(results))).trimEnd(),
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** Machines, backends and versions, with the days on which cells were trained. */
function places(results: readonly CellResult[]): string[] {
  const found = new Map<string, { cells: number; dates: string[] }>();
  for (const { machine, backend, versions, date } of results) {
    const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
    const place = [...(machine ? [machineText(machine)] : []), `backend ${backend}`, ...software].join(", ");
    const { cells, dates } = found.get(place) ?? { cells: 0, dates: [] };
    found.set(place, { cells: cells + 1, dates: [...dates, ...(date ? [date] : [])] });
  }
  return [...found].map(([place, { cells, dates }]) => {
    const [first, last] = [dates.sort()[0], dates.at(-1)];
    const days = first === undefined ? "" : first === last ? `, ${first}` : `, ${first} to ${last}`;
    return `- ${place}: ${cells} cells${days}`;
  });
}
