import { fileURLToPath } from "node:url";
import { oneOf } from "../errors.js";
import type { Scope } from "../experiments/plan/cells.js";
import { findPreset } from "../experiments/plan/presets.js";
import { shiftedExtractions } from "../experiments/plan/robustness.js";
import { Run } from "../experiments/run/run.js";
import { rawSettings } from "../experiments/types.js";
import { Lock } from "../lock.js";
import { duration } from "../terminal.js";
import { pack } from "./pack.js";
import { processorsOf, splitTime, submitArray } from "./slurm.js";
import { cellsOf, isMade, jobName, standings, type TaskStanding } from "./standing.js";
import { addSubmission, clusterLock, logPath, putSubmission, type Submission } from "./submissions.js";

export interface SubmitOptions {
  scope?: Scope;
  /** To be filled with cells by a task. */
  minutes: number;
  /** Of sbatch. */
  options: readonly string[];
  /** The command line that submits what is left, when what is submitted now has ended. */
  again: readonly string[];
  /** Whether this is such a later one: what has failed twice is left. */
  follow?: boolean;
  signal?: AbortSignal;
  say?: (line: string) => void;
}

/** A failed task is submitted once more, with twice the time. */
const ATTEMPTS = 2;
/** Minutes for hidden states where --time does not say; what is made of them is kept. */
const FEATURE_MINUTES = 480;
const NEXT_MINUTES = 15;
/** Tasks of an array, by Slurm's default. */
const MOST_TASKS = 1000;

const cli = fileURLToPath(new URL("../cli.js", import.meta.url));

/**
 * Submits what is missing of a scope and neither queued nor running: hidden states, else cells; and a job that comes back when these have
 * ended, for what waits for them and for what failed. Fetches raw data and encoders first, since nodes may have no network.
 * @throws UserError where there is no Slurm, it refuses, or the scope or the options are not good
 */
export async function submit(preset: string, options: SubmitOptions): Promise<void> {
  const { scope = {}, minutes, follow = false, signal, say = console.log } = options;
  const { minutes: limit, rest } = splitTime(options.options);
  const processors = processorsOf(rest);
  const names = Object.keys(findPreset(preset).tasks);
  for (const task of scope.tasks ?? []) oneOf("task", task, names);
  const lock = await Lock.acquire(
    clusterLock(preset),
    (pid) => say(`another daam submit (process ${pid}) is at work: waiting for it`),
    signal,
  );
  try {
    const run = await Run.open(preset, { signal });
    const cells = cellsOf(run);
    const before = standings(run, cells);
    const history = latest(before);
    const givenUp: string[] = [];
    const attemptOf = (key: string): number | undefined => {
      const last = history.get(key);
      if (!last) return 1;
      if (last.state === "queued" || last.state === "running") return undefined;
      if (!follow || last.state === "finished") return 1;
      if (last.submission.attempt < ATTEMPTS) return last.submission.attempt + 1;
      givenUp.push(`${key}: ${last.why}; ${logPath(preset, last.submission.number, last.index)}`);
      return undefined;
    };
    const jobs = new Set(
      before.flatMap(({ state, submission: { kind, job } }) =>
        kind !== "next" && (state === "queued" || state === "running") ? job! : [],
      ),
    );
    const put = (
      { kind, attempt, tasks }: Pick<Submission, "kind" | "attempt" | "tasks">,
      minutes: number,
      command?: readonly string[],
    ) => {
      for (let from = 0; from < tasks.length; from += MOST_TASKS) {
        const part = tasks.slice(from, from + MOST_TASKS);
        const time = kind === "next" ? minutes : (limit ?? minutes) * 2 ** (attempt - 1);
        const submission = addSubmission(preset, { kind, attempt, scope, minutes: time, tasks: part });
        const work = [
          process.execPath,
          cli,
          "work",
          "--preset",
          preset,
          "--submission",
          String(submission.number),
        ];
        const job = submitArray({
          name: jobName(preset),
          command: command ?? work,
          tasks: part.length,
          minutes: time,
          log: logPath(preset, submission.number),
          ...(kind === "next" && { after: [...jobs] }),
          options: kind === "next" ? [...rest, "--cpus-per-task=1"] : rest,
        });
        putSubmission(preset, { ...submission, job });
        if (kind === "next") return;
        jobs.add(job);
        const again = attempt > 1 ? ", once more with twice the time" : "";
        const what = kind === "features" ? "hidden states of" : `${part.flat().length} cells in`;
        say(
          `job ${job}: ${what} ${kind === "features" ? part.flat().join(", ") : `${part.length} tasks`} of at most ${duration(60 * time)}${again}`,
        );
      }
    };

    const tasks = scope.tasks ?? names;
    const lacking = tasks.flatMap((task) => {
      const shifts = scope.part === "robustness" ? Object.keys(shiftedExtractions(run.preset, task)) : [];
      const made = isMade(run, task);
      return made ? shifts.map((shift) => `${task}/${shift}`).filter((name) => !isMade(run, name)) : [task];
    });
    const features = byAttempt(lacking, (name) => attemptOf(`features ${name}`));
    if (features.size) {
      const { provide } = await import("../features/provide.js");
      await provide(
        tasks.flatMap((task) => rawSettings(run.preset.tasks[task]!) ?? []),
        { signal },
      );
    }
    for (const [attempt, names] of features)
      put({ kind: "features", attempt, tasks: names.map((name) => [name]) }, FEATURE_MINUTES);

    const ready = tasks.filter((task) => isMade(run, task));
    const planned = ready.length ? run.plan({ ...scope, tasks: ready }) : [];
    const missing = planned.filter((cell) => !run.finished(cell));
    const trainable = missing.filter(({ config }) => config);
    const seconds = new Map(run.secondsOf(trainable).map((seconds, i) => [trainable[i]!.name, seconds]));
    for (const [attempt, names] of byAttempt(
      trainable.map(({ name }) => name),
      attemptOf,
    )) {
      const expected = names.map((name) => ({
        name,
        task: cells.get(name)!.task,
        seconds: seconds.get(name)!,
      }));
      for (const { limit, tasks } of pack(expected, minutes, processors))
        put({ kind: "cells", attempt, tasks }, limit);
    }

    const waiting = missing.length - trainable.length;
    if (waiting && jobs.size)
      say(`${waiting} cells wait for others: they are submitted when those are finished`);
    for (const line of givenUp) say(`failed ${ATTEMPTS} times: ${line}`);
    const own = process.env.SLURM_ARRAY_JOB_ID;
    const coming = before.some(
      ({ state, submission: { kind, job } }) =>
        kind === "next" && job !== own && (state === "queued" || state === "running"),
    );
    if (jobs.size && !coming) put({ kind: "next", attempt: 1, tasks: [[]] }, NEXT_MINUTES, options.again);
    if (!jobs.size)
      say(
        missing.length + lacking.length === 0
          ? `nothing is missing: npx daam report --preset ${preset} publishes it`
          : `nothing is left to submit: ${missing.length} cells and ${lacking.length} files of hidden states are missing`,
      );
    else
      say(
        `npx daam submit --status --preset ${preset} says how they stand; scancel --name=${jobName(preset)} ends them all`,
      );
  } finally {
    lock.release();
  }
}

/** The last task that every cell or file of hidden states was in. */
function latest(tasks: readonly TaskStanding[]): Map<string, TaskStanding> {
  const last = new Map<string, TaskStanding>();
  for (const task of tasks) {
    const { kind, tasks: names } = task.submission;
    for (const name of names[task.index]!) last.set(kind === "features" ? `features ${name}` : name, task);
  }
  return last;
}

function byAttempt(
  names: readonly string[],
  attemptOf: (name: string) => number | undefined,
): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const name of names) {
    const attempt = attemptOf(name);
    if (attempt !== undefined) groups.set(attempt, [...(groups.get(attempt) ?? []), name]);
  }
  return groups;
}
