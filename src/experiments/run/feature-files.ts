import { join } from "node:path";
import { runApart } from "../../apart.js";
import { ExtractionStopped, oneOf, UserError } from "../../errors.js";
import { cacheFolder, featuresFolder } from "../../folders.js";
import { shiftedExtractions } from "../plan/robustness.js";
import { findTask } from "../plan/tasks.js";
import { rawSettings, type Preset } from "../types.js";

/** Where a task's feature file lies, and where those of its shifted test items lie or will lie, by shift. */
export interface TaskFiles {
  path: string;
  shifted: Record<string, string>;
}

/**
 * The feature files of a preset by task: shipped, or in the cache. What the cache lacks of the required tasks is made first, by a
 * process of its own, so that its memory is free when training begins; other tasks are left out where it lacks theirs.
 * What it starts from is looked for first, for all required tasks, and fetched where it is not here; so is the raw data of those that
 * fine-tune beside shipped hidden states.
 * @param options `shifts` makes those of the required tasks' shifted test items too; `signal` ends fetching and extracting
 * @throws UserError for a task that the preset does not have, or where raw data or an encoder of a required one cannot be had
 */
export async function featureFiles(
  preset: Preset,
  required: readonly string[],
  { shifts = false, signal }: { shifts?: boolean; signal?: AbortSignal } = {},
): Promise<Record<string, TaskFiles>> {
  for (const task of required) oneOf("task", task, Object.keys(preset.tasks));
  const needed = required.flatMap((task) => rawSettings(preset.tasks[task]!) ?? []);
  if (needed.length) {
    const { provide } = await import("../../features/provide.js");
    await provide(needed, { signal });
  }
  const files: Record<string, TaskFiles> = {};
  for (const [task, { extraction }] of Object.entries(preset.tasks)) {
    if (!extraction) {
      files[task] = { path: join(featuresFolder, findTask(task).features), shifted: {} };
    } else {
      const { plannedFile } = await import("../../features/extract.js");
      const needed = required.includes(task);
      const plan = plannedFile(extraction, cacheFolder(), { fetch: needed });
      const found = needed ? await plan : await plan.catch(() => undefined);
      if (!found || !(needed || found.finished)) continue;
      if (!found.finished) await extractApart(signal, preset.name, task);
      files[task] = { path: found.path, shifted: {} };
      for (const [shift, settings] of Object.entries(shiftedExtractions(preset, task))) {
        const { path, finished } = found.place(settings);
        if (shifts && needed && !finished) await extractApart(signal, preset.name, task, shift);
        files[task].shifted[shift] = path;
      }
    }
  }
  return files;
}

async function extractApart(
  signal: AbortSignal | undefined,
  preset: string,
  task: string,
  shift?: string,
): Promise<void> {
  const options = ["--preset", preset, "--task", task, ...(shift ? ["--shift", shift] : [])];
  if ((await runApart(["features", ...options], new ExtractionStopped(), signal)) !== 0)
    throw new UserError(`the hidden states of ${task} could not be made: the reason stands above`);
}
