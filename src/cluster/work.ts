import { runApart } from "../apart.js";
import { ExtractionStopped, Stopped, UserError } from "../errors.js";
import type { Progress } from "../experiments/run/progress.js";
import { Run } from "../experiments/run/run.js";
import { putEnding, readSubmission } from "./submissions.js";

export interface WorkOptions {
  /** Of the submission. */
  number: number;
  backend?: string;
  signal?: AbortSignal;
  say?: (line: string) => void;
  /** URL of the workers' trainer; a test's own. */
  trainer?: string;
}

/**
 * What a task of a cluster does: makes hidden states, or trains its cells beside other tasks that share the folder. What it wrote stays,
 * however it ends, and it goes on with the rest where it is started again.
 * @throws UserError outside of an array, and where cells or hidden states failed
 */
export async function work(preset: string, { number, ...options }: WorkOptions): Promise<void> {
  const { SLURM_ARRAY_TASK_ID: task, SLURM_CPUS_ON_NODE: processors } = process.env;
  const submission = readSubmission(preset, number);
  const index = Number(task);
  const names = submission.tasks[index];
  if (task === undefined || !names)
    throw new UserError("daam work is what the tasks of daam submit run: it needs SLURM_ARRAY_TASK_ID");
  try {
    if (submission.kind === "features") await makeAll(preset, names, options.signal);
    else {
      const cores = Number(processors) || undefined;
      const run = await Run.open(preset, { ...options, ...(cores && { cores }) });
      await run.work(submission.scope, new Set(names), told(options.say ?? console.log));
    }
    putEnding(preset, number, index, {});
  } catch (error) {
    // a task that is stopped is started again, or was not given the time
    if (!(error instanceof Stopped)) putEnding(preset, number, index, { failed: (error as Error).message });
    throw error;
  }
}

async function makeAll(preset: string, names: readonly string[], signal?: AbortSignal): Promise<void> {
  for (const name of names) {
    const [task, shift] = name.split("/") as [string, string?];
    const options = ["--preset", preset, "--task", task, ...(shift ? ["--shift", shift] : [])];
    if ((await runApart(["features", ...options], new ExtractionStopped(), signal)) !== 0)
      throw new UserError(`the hidden states of ${name} could not be made: the reason stands in the log`);
  }
}

/** A line on every cell: who reads a log wants to see where it stood. */
function told(say: (line: string) => void): (progress: Progress) => void {
  return ({ event }) => {
    if (event.kind === "backend" || event.kind === "note") say(event.line);
    else if (event.kind === "start") say(`${event.name} begins`);
    else if (event.kind === "failed") say(`${event.name} is given up: ${event.why}`);
    else if (event.kind === "done") say(`${event.result.name} is finished, ${event.result.seconds} s`);
  };
}
