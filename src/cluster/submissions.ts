/** What was submitted of a preset: a file an array in `runs/<preset>/cluster/`. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.js";
import type { Scope } from "../experiments/plan/cells.js";
import { guard, writeWhole } from "../files.js";
import { runFolder } from "../folders.js";

export interface Submission {
  /** 1, 2, … */
  number: number;
  /** `next` submits what can be, when those before it have ended. */
  kind: "features" | "cells" | "next";
  /** Slurm's number; undefined where it refused. */
  job?: string;
  /** Time limit. */
  minutes: number;
  /** 1, or 2 for what failed once. */
  attempt: number;
  scope: Scope;
  /** Of each task: names of cells, or `speech` or `speech/noise-20` of hidden states. */
  tasks: string[][];
}

/** How a task ended, by its own account. */
export interface Ending {
  /** Why, where it failed. */
  failed?: string;
}

const folderOf = (preset: string) => join(runFolder(preset), "cluster");
const pathOf = (preset: string, number: number) => join(folderOf(preset), `${number}.json`);
const endingPath = (preset: string, number: number, index: number) =>
  join(folderOf(preset), String(number), `${index}.json`);

export const clusterLock = (preset: string) => join(folderOf(preset), "lock");

/** Where the tasks of a submission write; without an index as sbatch takes it. */
export const logPath = (preset: string, number: number, index: number | "%a" = "%a") =>
  join(folderOf(preset), String(number), `${index}.log`);

/** Those of a preset in their order. */
export function submissionsOf(preset: string): Submission[] {
  const folder = folderOf(preset);
  if (!existsSync(folder)) return [];
  const numbers = readdirSync(folder).flatMap((name) => Number(/^(\d+)\.json$/.exec(name)?.[1] ?? NaN) || []);
  return numbers.sort((a, b) => a - b).map((number) => readSubmission(preset, number));
}

/** @throws UserError where it is not there or cannot be read */
export function readSubmission(preset: string, number: number): Submission {
  const path = pathOf(preset, number);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Submission;
  } catch {
    throw new UserError(
      `${path} is not a submission: remove it; npx daam submit --preset ${preset} submits what is missing`,
    );
  }
}

/** Numbers a submission and writes it, before Slurm has it. */
export function addSubmission(preset: string, submission: Omit<Submission, "number" | "job">): Submission {
  const number = (submissionsOf(preset).at(-1)?.number ?? 0) + 1;
  const added = { number, ...submission };
  putSubmission(preset, added);
  const logs = join(folderOf(preset), String(number));
  // Slurm makes none for its logs
  guard(logs, () => mkdirSync(logs, { recursive: true }));
  return added;
}

export const putSubmission = (preset: string, submission: Submission) =>
  writeWhole(pathOf(preset, submission.number), `${JSON.stringify(submission)}\n`);

export function endingOf(preset: string, number: number, index: number): Ending | undefined {
  try {
    return JSON.parse(readFileSync(endingPath(preset, number, index), "utf8")) as Ending;
  } catch {
    return undefined;
  }
}

export const putEnding = (preset: string, number: number, index: number, ending: Ending) =>
  writeWhole(endingPath(preset, number, index), `${JSON.stringify(ending)}\n`);
