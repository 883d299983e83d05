/** Copies of finished feature files to places of the user's choice. */
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { UserError } from "../errors.js";
import { guard } from "../files.js";

/**
 * Before an extraction of hours: can its file be written to `target`?
 * @throws UserError where it is no name of a file, something else than a regular file is there, or its folder cannot be written
 */
export function checkTarget(target: string): void {
  if (target === "" || /[/\\]$/.test(target))
    throw new UserError(`cannot export to "${target}": name a file, such as features.safetensors`);
  const there = guard(target, () => statSync(target, { throwIfNoEntry: false }), elsewhere);
  if (there && !there.isFile())
    throw new UserError(
      `cannot export to ${target}: it is ${there.isDirectory() ? "a folder" : "no regular file"}; name another file`,
    );
  let folder = dirname(resolve(target));
  while (!existsSync(folder)) folder = dirname(folder);
  guard(target, () => accessSync(folder, constants.W_OK), elsewhere);
}

const elsewhere = "or export to another place";

/**
 * Copies `path`, a finished file of the cache, to `target`, whole or not at all.
 * @throws UserError where that fails, which says that the file is kept; nothing is left behind
 */
export function exportFile(path: string, target: string): void {
  checkTarget(target);
  const part = `${target}.${process.pid}.part`;
  const copy = () => {
    try {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(path, part);
      renameSync(part, target);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  };
  guard(target, copy, `${elsewhere}: the features are kept in ${path}, and are not made again`);
}
