import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../errors.js";
import { guard, writeWhole } from "../../files.js";
import { readSealed, sealed } from "../../sealed.js";
import type { CellResult } from "../types.js";

/** Where a cell's trained update lies in a run folder, as peft writes it. */
export const adapterFolder = (folder: string, name: string) => join(folder, "adapters", name);

const sumsPath = (folder: string) => `${folder}.json`;

/** Keeps checksums of a folder's files beside it. */
export function sealFolder(folder: string): void {
  writeWhole(sumsPath(folder), sealed(sumsOf(folder)));
}

/** Whether a folder has its files; by their checksums, where they were kept. */
function isWhole(folder: string): boolean {
  if (!existsSync(join(folder, "adapter_config.json"))) return false;
  let damaged = false;
  const sums = readSealed<Record<string, string>>(sumsPath(folder), () => (damaged = true));
  return !damaged && (!sums || isDeepStrictEqual(sums, sumsOf(folder)));
}

const sumsOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex"),
      ]),
  );

/**
 * Copies the trained updates of finished cells to `<target>/<task>/<method>/run-1`; inert ones have none.
 * @param folder of the run
 * @returns how many
 * @throws UserError where one is damaged or missing (a cell that was taken over from published results) or the target cannot be written.
 */
export function copyAdapters(folder: string, target: string, results: readonly CellResult[]): number {
  const names = results.filter(({ config }) => config.fineTuning?.acts).map(({ name }) => name);
  const missing = names.find((name) => !isWhole(adapterFolder(folder, name)));
  if (missing !== undefined)
    throw new UserError(
      `the adapter of ${missing} is not in ${adapterFolder(folder, missing)}, or it is damaged there: ` +
        `delete ${join(folder, "cells", `${missing}.json`)} and run again without --resume, which trains it`,
    );
  for (const name of names)
    guard(target, () => cpSync(adapterFolder(folder, name), join(target, name), { recursive: true }));
  return names.length;
}
