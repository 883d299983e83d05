import type { Cell } from "../plan/cell.js";
import type { Scope } from "../plan/cells.js";
import { duration } from "../../terminal.js";
import { Run } from "./run.js";

/** Writes the plan of a preset: a line a cell, with its settings and its state. */
export async function listCells(
  preset: string,
  scope: Scope,
  { json = false, write }: { json?: boolean; write: (line: string) => void },
): Promise<void> {
  const run = await Run.open(preset);
  const cells = run.plan(scope);
  if (json) {
    for (const cell of cells) write(JSON.stringify({ ...cell, finished: run.finished(cell) !== undefined }));
    return;
  }
  const width = Math.max(...cells.map(({ name }) => name.length));
  for (const cell of cells) write(`${cell.name.padEnd(width)}  ${settings(cell)}  ${state(run, cell)}`);
  const finished = cells.filter((cell) => run.finished(cell)).length;
  const left =
    finished < cells.length
      ? `, the others take about ${duration(run.expectedSeconds(scope))} in ${run.jobs} workers`
      : "";
  write(`${finished} of ${cells.length} cells are finished${left}`);
}

function settings({ config, needs }: Cell): string {
  if (!config) return `waits for ${needs.join(", ")}`;
  const { seed, hidden, epochs, learningRate, batch, stages, fineTuning } = config;
  if (fineTuning) {
    const { form, acts, head, ratio } = fineTuning;
    const update = `rank ${form.rank} on ${form.targets.join(" and ")}, ${form.scaling}${acts ? "" : ", inert"}`;
    return `seed ${seed}, ${epochs} epochs, rate ${learningRate} (B × ${ratio}), batch ${batch}, ${update}, head ${head}`;
  }
  const names = stages.map((stage) => stage.kind + ("heads" in stage ? ` ×${stage.heads}` : "")).join(" → ");
  return `seed ${seed}, ${hidden} channels, ${epochs} epochs, rate ${learningRate}, batch ${batch}, ${names || "no stages"}`;
}

function state(run: Run, cell: Cell): string {
  const result = run.finished(cell);
  if (!result) return "missing";
  const percent = (accuracy: number) => (100 * accuracy).toFixed(1);
  return `finished in ${result.seconds} s: best ${percent(result.best.accuracy)} %, last ${percent(result.last.accuracy)} %`;
}
