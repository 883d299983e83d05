import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.js";
import { guard } from "../../files.js";
import type { CellResult } from "../types.js";

/** Where a cell's trained update lies in a run folder, as peft writes it. */
export const adapterFolder = (folder: string, name: string) => join(folder, "adapters", name);

/**
 * Copies the trained updates of finished cells to `<target>/<task>/<method>/run-1`; inert ones have none.
 * @param folder of the run
 * @returns how many
 * @throws UserError where one is missing (a cell that was taken over from published results) or the target cannot be written.
 */
export function copyAdapters(folder: string, target: string, results: readonly CellResult[]): number {
  const names = results.filter(({ config }) => config.fineTuning?.acts).map(({ name }) => name);
  const missing = names.find((name) => !existsSync(join(adapterFolder(folder, name), "adapter_config.json")));
  if (missing !== undefined)
    throw new UserError(
      `the adapter of ${missing} is not in ${adapterFolder(folder, missing)}: ` +
        `delete ${join(folder, "cells", `${missing}.json`)} and run again without --resume, which trains it`,
    );
  for (const name of names)
    guard(target, () => cpSync(adapterFolder(folder, name), join(target, name), { recursive: true }));
  return names.length;
}
