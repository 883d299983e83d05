import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { agreement, agreementLines } from "./agreement.js";
import { UserError } from "../errors.js";
import { copyAdapters } from "../experiments/outcome/adapters.js";
import type { Scope } from "../experiments/plan/cells.js";
import { home, repository } from "../folders.js";
import { headline } from "./headline.js";
import { findPreset } from "../experiments/plan/presets.js";
import { duration } from "../terminal.js";
import { type Progress, terminalProgress } from "../experiments/run/progress.js";
import { changeLines, changes, snapshot } from "./changes.js";
import { executeNotebooksOf, notebookFolder, notebooksOf } from "./notebooks.js";
import { publishRun } from "./report.js";
import { Run, type RunOptions } from "../experiments/run/run.js";
import type { CellResult } from "../experiments/types.js";

export interface ReproduceOptions extends RunOptions {
  scope?: Scope;
  /** Train finished cells again too. */
  anew?: boolean;
  /** Take over published cells of the same configuration first. */
  resume?: boolean;
  /** Where the adapters of finished cells are copied to. */
  saveAdapters?: string;
  /** Execute the notebooks, and publish when the whole preset is finished. */
  notebooks?: boolean;
  onProgress?: (progress: Progress) => void;
  say?: (line: string) => void;
}

/**
 * Trains what a preset lacks, executes the notebooks and publishes; says first what it will do and how long it expects, and last how the
 * cells agree with those published before. A run that was interrupted goes on; what is finished stays unless `anew` is asked for.
 * @throws UserError for unknown names, a backend that is not there, workers that die, folders that cannot be written.
 */
export async function reproduce(preset: string, options: ReproduceOptions = {}): Promise<CellResult[]> {
  const { scope = {}, say = console.log } = options;
  // notebooks open the run themselves
  if (options.lora) process.env.DAAM_LORA = "1";
  const run = await Run.open(preset, {
    tasks: scope.tasks ?? Object.keys(findPreset(preset).tasks),
    shifts: scope.part === "robustness",
    ...options,
  });
  const planned = run.plan(scope);
  if (options.saveAdapters && !planned.some(({ config }) => config?.fineTuning?.acts))
    throw new UserError(
      `--save-adapters: no row of this scope trains an adapter on ${preset}; choose lora-4-standard, and with smoke or quick --lora`,
    );
  const then = options.anew ? "starting anew" : "going on with what it left";
  const lock = await run.lock((pid) =>
    say(`another run (process ${pid}) is at work on ${preset}: waiting for it, then ${then}`),
  );
  lock.lend();
  const terminal = terminalProgress();
  try {
    if (options.anew) await beginAnew(run, scope, say);
    if (options.resume) resume(run, scope, say);
    introduce(run, options, say);
    const results = await run.finish(scope, options.onProgress ?? terminal.show);
    terminal.end();
    const compared = agreement(results, (name) => run.published.read(name));
    const places = await present(run, scope, options);
    if (options.saveAdapters) {
      const copied = copyAdapters(run.store.folder, options.saveAdapters, results);
      places.push(`${copied} adapters: ${options.saveAdapters}`);
    }
    say("");
    for (const line of headline(run.preset, results)) say(line);
    say("");
    for (const line of agreementLines(compared)) say(line);
    for (const line of places) say(line);
    return results;
  } finally {
    terminal.end();
    lock.release();
  }
}

/**
 * Executes notebooks where asked to, and publishes a preset that is finished as a whole. Says where to look, and which committed files of
 * these differ from what was there.
 */
async function present(run: Run, scope: Scope, { notebooks, signal }: ReproduceOptions): Promise<string[]> {
  const places: string[] = [];
  const folders = [run.published.folder, ...(home() === repository ? [notebookFolder] : [])];
  const before = snapshot(folders);
  if (notebooks) {
    const folder = await executeNotebooksOf(run, scope, signal);
    places.push(
      folder === undefined
        ? "notebooks: none executed, since none has all its cells in this scope or finished before"
        : `notebooks: ${shown(folder)}`,
    );
  }
  const whole = !scope.tasks && !scope.methods;
  if ((whole || notebooks) && run.complete) {
    await publishRun(run);
    places.unshift(`tables and figures: ${shown(join(run.published.folder, "README.md"))}`);
  }
  if (!places.length) return places;
  const site = join(repository, "site", "index.html");
  if (existsSync(site)) places.push(`site: ${shown(site)} (make site builds it anew)`);
  return [...places, ...changeLines(folders, changes(before, snapshot(folders)), shown)];
}

/** A notebook that finds its cells finished: compiling cells and drawing figures. */
const notebookSeconds = 12;

/** Forgets the cells of a scope, once it is sure that others can be trained in their place. */
async function beginAnew(run: Run, scope: Scope, say: (line: string) => void): Promise<void> {
  const cells = run.plan(scope);
  const finished = cells.filter((cell) => run.finished(cell)).length;
  if (finished) await run.checkBackend();
  run.discard(cells);
  if (finished) say(`--anew: ${finished} finished cells are discarded and trained again`);
}

function resume(run: Run, scope: Scope, say: (line: string) => void): void {
  if (run.preset.alwaysAnew)
    return say(`${run.preset.name} never takes over published cells: it trains them all`);
  const adopted = run.adopt(scope);
  say(`took over ${adopted} published cells of the same configuration from ${shown(run.published.folder)}`);
}

function introduce(run: Run, { scope = {}, notebooks }: ReproduceOptions, say: (line: string) => void): void {
  const cells = run.plan(scope);
  const missing = cells.filter((cell) => !run.finished(cell));
  const perTask = (task: string) => `${task} ${missing.filter((cell) => cell.task === task).length}`;
  const tasks = [...new Set(missing.map(({ task }) => task))].map(perTask).join(", ");
  const found =
    cells.length > missing.length
      ? `${cells.length - missing.length} of ${cells.length} cells are finished; `
      : "";
  const what =
    missing.length === 0
      ? `${found}nothing to train (--anew, make ANEW=1, trains them again)`
      : `${found}training ${missing.length} cells (${tasks}) in ${Math.min(run.jobs, missing.length)} workers, about ${duration(run.expectedSeconds(scope))}`;
  const count = notebooks ? notebooksOf(run, scope).length : 0;
  const then =
    count > 0 ? `, then executing ${count} notebooks, about ${duration(count * notebookSeconds)}` : "";
  say(`${run.preset.name}: ${what}${then}; working in ${shown(run.store.folder)}`);
}

const shown = (path: string) => (home() === repository ? relative(repository, path) : path);
