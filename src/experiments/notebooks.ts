import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { Stopped, UserError } from "../errors.js";
import type { Scope } from "./cells.js";
import { home, repository, resultsFolder } from "./folders.js";
import type { Run } from "./run.js";

/** Whose cells a notebook shows, by the beginning of its name; every task's where none is given. */
const subjects: Record<string, (run: Run) => Scope> = {
  "00": () => ({ tasks: [] }),
  "01": () => ({ tasks: ["speech"], part: "table" }),
  "02": () => ({ tasks: ["text"], part: "table" }),
  "03": () => ({ tasks: ["vision"], part: "table" }),
  "04": (run) => ({ tasks: run.preset.ablations }),
};

/**
 * Executes the notebooks of a scope whose cells are all finished: `quick` in place, other presets as copies under their results.
 * @returns the folder where they lie.
 * @throws UserError naming those that failed, or where there are none.
 */
export async function executeNotebooksOf(run: Run, scope: Scope, signal?: AbortSignal): Promise<string> {
  const folder = join(repository, "notebooks");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ipynb")) : [];
  if (names.length === 0)
    throw new UserError(`${folder} holds no notebook: restore it (git checkout -- notebooks)`);
  const inPlace = run.preset.name === "quick" && home() === repository;
  const output = inPlace ? folder : join(resultsFolder(run.preset.name), "notebooks");
  const { executeNotebooks } = await import("../notebook/execute.js");
  process.env.PRESET = run.preset.name;
  const paths = names
    .sort()
    .filter((name) => belongs(run, name, scope))
    .map((name) => relative(process.cwd(), join(folder, name)));
  const failed = await executeNotebooks(paths, inPlace ? undefined : output);
  if (signal?.aborted) throw new Stopped();
  if (failed > 0)
    throw new UserError(
      `${failed} of ${paths.length} notebooks failed: their errors stand above and in ${output}`,
    );
  return output;
}

function belongs(run: Run, name: string, scope: Scope): boolean {
  const shown: Scope = subjects[name.slice(0, 2)]?.(run) ?? {};
  const whole = !scope.tasks && !scope.methods;
  if (shown.tasks?.length === 0) return whole;
  if (!whole && !(shown.tasks ?? run.taskNames).every((task) => scope.tasks?.includes(task))) return false;
  return run.plan(shown).every((cell) => run.finished(cell));
}
