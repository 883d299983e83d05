/** What is asked of Slurm: submit an array, and say how its tasks stand. */
import { spawnSync } from "node:child_process";
import { UserError } from "../errors.js";

/** An array of tasks that differ in their index alone. */
export interface ArrayRequest {
  name: string;
  /** Program and arguments; the index is in SLURM_ARRAY_TASK_ID. */
  command: readonly string[];
  tasks: number;
  /** Time limit of a task. */
  minutes: number;
  /** Path of the tasks' output; %a stands for the index. */
  log: string;
  /** Jobs that end first, well or not. */
  after?: readonly string[];
  /** The user's own options of sbatch. */
  options: readonly string[];
}

/**
 * Submits an array; tasks of nodes that die, and pre-empted ones, are started again by Slurm.
 * @returns the job's number
 * @throws UserError where there is no Slurm, or it refuses the job
 */
export function submitArray(request: ArrayRequest): string {
  const { name, command, tasks, minutes, log, after = [], options } = request;
  const script = `#!/bin/sh\nexec ${command.map(quoted).join(" ")}\n`;
  const own = [
    "--parsable",
    `--job-name=${name}`,
    `--array=0-${tasks - 1}`,
    `--output=${log}`,
    "--open-mode=append",
    "--requeue",
    ...(after.length ? [`--dependency=afterany:${after.join(":")}`] : []),
  ];
  const { stdout } = call("sbatch", [...own, ...options, `--time=${minutes}`], script);
  return stdout.trim().split(";")[0]!;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** How tasks stand that Slurm still has, by job_index: PENDING, RUNNING, … */
export function queued(name: string): Map<string, string> {
  const { stdout } = call("squeue", ["--noheader", "--array", `--name=${name}`, "--format=%i %T"]);
  return new Map(
    stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.trim().split(/\s+/) as [string, string]),
  );
}

/** How tasks of these jobs ended, by job_index, where Slurm keeps accounts: COMPLETED, TIMEOUT, NODE_FAIL, … */
export function ended(jobs: readonly string[]): Map<string, string> {
  if (!jobs.length) return new Map();
  const args = ["-X", "--noheader", "--parsable2", `--jobs=${jobs.join(",")}`, "--format=JobID,State"];
  const { status, stdout, error } = spawnSync("sacct", args, { encoding: "utf8" });
  if (error || status !== 0) return new Map();
  const lines = stdout.split("\n").filter(Boolean);
  return new Map(
    lines.map((line) => line.split("|") as [string, string]).map(([id, state]) => [id, state.split(" ")[0]!]),
  );
}

function call(program: string, args: string[], input?: string): { stdout: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: "utf8" });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT")
    throw new UserError(
      `${program} is not here: daam submit is for a cluster with Slurm, on a machine that submits to it; daam run trains on this one`,
    );
  if (error) throw error;
  if (status !== 0) {
    const said = stderr.split("\n").find(Boolean)?.replace(`${program}: `, "").replace("error: ", "");
    const remedy =
      program === "sbatch"
        ? "what follows -- goes to sbatch as it is"
        : "try again when Slurm answers (scontrol ping)";
    throw new UserError(`${program} refused: ${said ?? `exit ${status}`}; ${remedy}`);
  }
  return { stdout };
}

/**
 * Takes a time limit out of options of sbatch.
 * @returns its minutes, rounded up, where there is one, and the other options
 * @throws UserError for a limit that Slurm would not understand
 */
export function splitTime(options: readonly string[]): { minutes?: number; rest: string[] } {
  const rest: string[] = [];
  let text: string | undefined;
  for (let i = 0; i < options.length; i++) {
    const option = options[i]!;
    if (option === "-t" || option === "--time") text = options[++i] ?? "";
    else if (option.startsWith("--time=")) text = option.slice("--time=".length);
    else if (/^-t./.test(option)) text = option.slice(2);
    else rest.push(option);
  }
  return text === undefined ? { rest } : { minutes: minutesOf(text), rest };
}

/** minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds */
function minutesOf(text: string): number {
  const [, days, clock] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(text) ?? [];
  if (clock === undefined)
    throw new UserError(`--time=${text}: give minutes, hours:minutes:seconds or days-hours:minutes`);
  const parts = clock.split(":").map(Number);
  const [hours, minutes, seconds] =
    days !== undefined
      ? [parts[0]!, parts[1] ?? 0, parts[2] ?? 0]
      : parts.length === 3
        ? (parts as [number, number, number])
        : [0, parts[0]!, parts[1] ?? 0];
  return Math.max(1, Math.ceil(1440 * Number(days ?? 0) + 60 * hours! + minutes! + seconds! / 60));
}

/** Processors that sbatch is asked to give a task. */
export function processorsOf(options: readonly string[]): number {
  const at = options.findIndex((option) => /^(-c|--cpus-per-task)/.test(option));
  if (at < 0) return 1;
  const text = options[at]!.replace(/^(-c|--cpus-per-task)=?/, "") || options[at + 1];
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new UserError(`${options[at]}: give a whole number of processors, 1 or more`);
}
