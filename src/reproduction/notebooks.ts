import { existsSync, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { Stopped, UserError } from "../errors.js";
import type { Scope } from "../experiments/plan/cells.js";
import { home, repository, resultsFolder } from "../folders.js";
import type { Run } from "../experiments/run/run.js";

/** Whose cells a notebook shows, by the beginning of its name; every task's where none is given. */
const subjects: Record<string, (run: Run) => Scope> = {
  "00": () => ({ tasks: [] }),
  "01": () => ({ tasks: ["speech"], part: "table" }),
  "02": () => ({ tasks: ["text"], part: "table" }),
  "03": () => ({ tasks: ["vision"], part: "table" }),
  "07": () => ({ tasks: [] }),
  "04": (run) => ({ tasks: run.preset.ablations }),
  "06": () => ({ tasks: [] }),
};

export const notebookFolder = join(repository, "notebooks");

/** Paths of the notebooks that a run of this scope executes once its cells are finished. */
export function notebooksOf(run: Run, scope: Scope): string[] {
  const names = existsSync(notebookFolder)
    ? readdirSync(notebookFolder).filter((name) => name.endsWith(".ipynb"))
    : [];
  return names
    .sort()
    .filter((name) => belongs(run, name, scope))
    .map((name) => join(notebookFolder, name));
}

/**
 * Executes the notebooks of a scope whose cells are all finished: `quick` in place, other presets as copies under their results.
 * @returns the folder where they lie; undefined where no notebook has all its cells in the scope or finished before.
 * @throws UserError naming those that failed, or where the repository has none.
 */
export async function executeNotebooksOf(
  run: Run,
  scope: Scope,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (notebooksOf(run, {}).length === 0)
    throw new UserError(`${notebookFolder} holds no notebook: restore it (git checkout -- notebooks)`);
  const paths = notebooksOf(run, scope)
    .filter((path) => isFinished(run, subject(run, path)))
    .map((path) => relative(process.cwd(), path));
  if (paths.length === 0) return undefined;
  const inPlace = run.preset.name === "quick" && home() === repository;
  const output = inPlace ? notebookFolder : join(resultsFolder(run.preset.name), "notebooks");
  const { executeNotebooks } = await import("../notebook/execute.js");
  process.env.PRESET = run.preset.name;
  const failed = await executeNotebooks(paths, inPlace ? undefined : output);
  if (signal?.aborted) throw new Stopped();
  if (failed > 0)
    throw new UserError(
      `${failed} of ${paths.length} notebooks failed: their errors stand above and in ${output}`,
    );
  return output;
}

const subject = (run: Run, path: string): Scope => subjects[basename(path).slice(0, 2)]?.(run) ?? {};

const isFinished = (run: Run, scope: Scope) =>
  scope.tasks?.length === 0 || run.plan(scope).every((cell) => run.finished(cell));

function belongs(run: Run, path: string, scope: Scope): boolean {
  if (!scope.tasks && !scope.methods) return true;
  const tasks = subject(run, path).tasks ?? run.taskNames;
  return tasks.length > 0 && tasks.every((task) => scope.tasks?.includes(task));
}
