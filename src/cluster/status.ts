import { Run } from "../experiments/run/run.js";
import { Claims } from "../experiments/run/claims.js";
import { duration } from "../terminal.js";
import { cellsOf, standings, type TaskStanding } from "./standing.js";
import { logPath } from "./submissions.js";

/**
 * Says how what was submitted of a preset stands: a line a job, then the cells, then what failed.
 * @throws UserError where there is no Slurm
 */
export async function status(preset: string, write: (line: string) => void): Promise<void> {
  const run = await Run.open(preset);
  const cells = cellsOf(run);
  const tasks = standings(run, cells);
  for (const submission of new Set(tasks.map(({ submission }) => submission))) {
    const { job, kind, minutes, attempt } = submission;
    const own = tasks.filter((task) => task.submission === submission);
    const what = { features: "hidden states", cells: "cells", next: "submits what is left" }[kind];
    const again = attempt > 1 ? ", second attempt" : "";
    write(
      `job ${job ?? "refused"}: ${what}, at most ${duration(60 * minutes)}${again}: ${counts(own.map(({ state }) => state))}`,
    );
  }
  const inTask = new Map(tasks.flatMap((task) => task.missing.map((name) => [name, task] as const)));
  const claimed = new Set(new Claims(run.store.folder).held);
  const states = [...cells.values()].map((cell) => {
    if (run.finished(cell)) return "finished";
    const state = inTask.get(cell.name)?.state;
    // a dead node's claim stays until somebody wants the cell
    if (claimed.has(cell.name) && state !== "failed") return "running";
    // a task that runs has cells that it has not begun
    if (state === "queued" || state === "running") return "queued";
    if (!cell.config) return "waiting for others";
    return state === "failed" ? "failed" : "not submitted";
  });
  if (cells.size) write(`cells: ${counts(states)}`);
  const failed = new Map<TaskStanding, string[]>();
  for (const [name, task] of inTask)
    if (task.state === "failed") failed.set(task, [...(failed.get(task) ?? []), name]);
  for (const [
    {
      submission: { job, number },
      index,
      why,
    },
    names,
  ] of failed)
    write(`failed: job ${job}_${index}, ${why}: ${names.join(", ")}; log: ${logPath(preset, number, index)}`);
  if (!tasks.length)
    write(`nothing of ${preset} was submitted: npx daam submit --preset ${preset} -- <options of sbatch>`);
}

/** "3 finished, 2 running". */
function counts(states: readonly string[]): string {
  const found = new Map<string, number>();
  for (const state of states) found.set(state, (found.get(state) ?? 0) + 1);
  return [...found].map(([state, count]) => `${count} ${state}`).join(", ");
}
