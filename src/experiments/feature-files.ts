import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { UserError, oneOf } from "../errors.js";
import { cacheFolder, featuresFolder, repository } from "../folders.js";
import { findTask } from "./tasks.js";
import type { Preset } from "./types.js";

/**
 * The feature files of a preset by task: shipped, or in the cache. What the cache lacks of the required tasks is made first, by a
 * process of its own, so that its memory is free when training begins; other tasks are left out where it lacks theirs.
 * Raw data is looked for too where a required task fine-tunes beside shipped hidden states.
 * @throws UserError for a task that the preset does not have, or where raw data or an encoder of a required one cannot be had
 */
export async function featureFiles(
  preset: Preset,
  required: readonly string[],
): Promise<Record<string, string>> {
  for (const task of required) oneOf("task", task, Object.keys(preset.tasks));
  const files: Record<string, string> = {};
  for (const [task, { extraction, fineTuning }] of Object.entries(preset.tasks)) {
    if (!extraction) {
      files[task] = join(featuresFolder, findTask(task).features);
      if (fineTuning && required.includes(task)) await rawData(fineTuning.extraction!.dataset);
    } else {
      const { plannedFile } = await import("../features/extract.js");
      const needed = required.includes(task);
      const plan = plannedFile(extraction, cacheFolder(), { fetch: needed });
      const found = needed ? await plan : await plan.catch(() => undefined);
      if (needed && !found!.finished) extractApart(preset.name, task);
      if (found && (needed || found.finished)) files[task] = found.path;
    }
  }
  return files;
}

/** Finds or fetches the raw data that rows fine-tune on. */
async function rawData(name: string): Promise<void> {
  const { datasetNamed, downloadProgress, locate } = await import("../datasets/index.js");
  await locate(datasetNamed(name), { progress: downloadProgress() });
}

function extractApart(preset: string, task: string): void {
  const cli = join(repository, "dist", "cli.js");
  const child = spawnSync(process.execPath, [cli, "features", "--preset", preset, "--task", task], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (child.status !== 0)
    throw new UserError(`the hidden states of ${task} could not be made: the reason stands above`);
}
