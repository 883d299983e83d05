import { existsSync } from "node:fs";
import type { Cell } from "../experiments/plan/cell.js";
import type { Run } from "../experiments/run/run.js";
import { ended, queued } from "./slurm.js";
import { endingOf, submissionsOf, type Submission } from "./submissions.js";

/** How a task of a submission stands. */
export interface TaskStanding {
  submission: Submission;
  index: number;
  state: "queued" | "running" | "finished" | "failed";
  /** What of it is not there. */
  missing: string[];
  /** Of a failed one. */
  why?: string;
}

/** All jobs of a preset have one name, by which they are found, and can be ended: scancel --name. */
export const jobName = (preset: string) => `daam-${preset}`;

/** Every cell of a run by name; none before hidden states are made. */
export const cellsOf = (run: Run): Map<string, Cell> =>
  new Map(run.everyCell().map((cell) => [cell.name, cell]));

/** Whether hidden states of a task, or of its test items after a shift (`speech/noise-20`), are made. */
export function isMade(run: Run, name: string): boolean {
  const [task, shift] = name.split("/") as [string, string?];
  const file = run.files[task];
  return file !== undefined && (shift === undefined || existsSync(file.shifted[shift]!));
}

/** How every task that was submitted stands, by Slurm and by what is there. */
export function standings(run: Run, cells: ReadonlyMap<string, Cell>): TaskStanding[] {
  const preset = run.preset.name;
  const submissions = submissionsOf(preset);
  const queue = queued(jobName(preset));
  const accounts = ended(submissions.flatMap(({ job }) => job ?? []));
  const isDone = (kind: Submission["kind"], name: string) => {
    if (kind === "features") return isMade(run, name);
    const cell = cells.get(name);
    return cell !== undefined && run.finished(cell) !== undefined;
  };
  return submissions.flatMap((submission) => {
    const { number, job, kind, tasks } = submission;
    return tasks.map((names, index): TaskStanding => {
      const missing = names.filter((name) => !isDone(kind, name));
      const id = `${job}_${index}`;
      const waits = queue.get(id);
      const stands = { submission, index, missing };
      if (waits !== undefined) return { ...stands, state: waits === "PENDING" ? "queued" : "running" };
      if (!missing.length) return { ...stands, state: "finished" };
      const account = accounts.get(id);
      const said = endingOf(preset, number, index)?.failed;
      const why = [account, said].filter(Boolean).join(": ") || "it ended before its cells were finished";
      return { ...stands, state: "failed", why: job === undefined ? "Slurm refused it" : why };
    });
  });
}
