import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../errors.js";
import { sameConfig } from "./cells.js";
import type { CellConfig, CellResult } from "./types.js";

/** The cells' JSON files of a folder: `cells/<task>/<method>/run-1.json`. */
export class CellStore {
  constructor(readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, "cells", `${name}.json`);
  }

  /** The result of a cell that was finished with this configuration. */
  get(name: string, config: CellConfig): CellResult | undefined {
    const result = this.read(name);
    return result && sameConfig(result.config, config) ? result : undefined;
  }

  /** The result of a cell, whatever its configuration; undefined where there is none that can be read. */
  read(name: string): CellResult | undefined {
    try {
      return JSON.parse(readFileSync(this.path(name), "utf8")) as CellResult;
    } catch {
      return undefined;
    }
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  put(result: CellResult): void {
    writeWhole(this.path(result.name), `${JSON.stringify(result)}\n`);
  }

  remove(name: string): void {
    guard(this.path(name), () => rmSync(this.path(name), { force: true }));
  }

  /** Deletes what writers that were killed left behind. */
  sweep(): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder, { recursive: true, encoding: "utf8" }))
      if (name.endsWith(".part")) guard(name, () => rmSync(join(this.folder, name), { force: true }));
  }
}

/**
 * Writes a file beside its place, then renames it there: readers see the old one or the whole new one.
 * @throws UserError where the folder is read-only or full; nothing is left behind.
 */
export function writeWhole(path: string, text: string): void {
  const part = `${path}.${process.pid}.part`;
  guard(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    try {
      writeFileSync(part, text);
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  });
}

const reasons: Record<string, string> = {
  ENOSPC: "no space is left; free some",
  EDQUOT: "the quota is used up; free some space",
  EROFS: "the file system is read-only; make it writable",
  EACCES: "permission is denied; make the folder writable",
  EPERM: "permission is denied; make the folder writable",
  ENOTDIR: "a part of the path is a file; move that away",
  EEXIST: "a part of the path is a file; move that away",
};

/** Runs a file operation; its failures become one line with a remedy. */
export function guard<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code) throw error;
    throw new UserError(
      `cannot write ${path}: ${reasons[code] ?? message}, or set DAAM_HOME to another folder`,
    );
  }
}
