import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "./errors.js";

/**
 * Writes a file beside its place, then renames it there: readers see the old one or the whole new one.
 * @throws UserError where the folder is read-only or full; nothing is left behind.
 */
export function writeWhole(path: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  const part = `${path}.${process.pid}.part`;
  guard(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    try {
      if (typeof content === "string" || content instanceof Uint8Array) writeFileSync(part, content);
      else writeParts(part, content);
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  });
}

function writeParts(path: string, parts: Iterable<Uint8Array>): void {
  const file = openSync(path, "w");
  try {
    for (const part of parts) writeAll(file, part);
  } finally {
    closeSync(file);
  }
}

/** Writes all of the bytes, of which a file may take less at once; at `position`, or where the file stands. */
export function writeAll(file: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(
      file,
      bytes,
      done,
      bytes.length - done,
      position === undefined ? null : position + done,
    );
  }
}

const reasons: Record<string, string> = {
  ENOSPC: "no space is left; free some",
  EFBIG: "a limit on the size of files is reached (ulimit -f); raise it",
  EDQUOT: "the quota is used up; free some space",
  EROFS: "the file system is read-only; make it writable",
  EACCES: "permission is denied; make the folder writable",
  EPERM: "permission is denied; make the folder writable",
  ENOTDIR: "a part of the path is a file; move that away",
  EEXIST: "a part of the path is a file; move that away",
};

/** Runs a file operation; its failures become one line with a remedy. @param otherwise what else the user can do */
export function guard<T>(
  path: string,
  operation: () => T,
  otherwise = "or set DAAM_HOME to another folder",
): T {
  try {
    return operation();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code) throw error;
    throw new UserError(`cannot write ${path}: ${reasons[code] ?? message}, ${otherwise}`);
  }
}
