/** Which files of results a run left otherwise than it found them: none, where it is a reproduction. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What is committed of results; others are made along with it. */
const COMMITTED = /\.(md|csv|json|gz|png|ipynb)$/;

/** The committed files below folders, by path, with a hash of each. */
export function snapshot(folders: readonly string[]): Map<string, string> {
  const paths = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
    )
    .filter((path) => COMMITTED.test(path) && statSync(path).isFile());
  return new Map(paths.map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]));
}

/** Paths of files that came, went or changed between two snapshots. */
export function changes(before: Map<string, string>, after: Map<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

const SHOWN = 10;

/** "no file of results/quick and notebooks has changed", or which have. @param shown writes a path for a reader */
export function changeLines(
  folders: readonly string[],
  changed: readonly string[],
  shown: (path: string) => string,
): string[] {
  const where = folders.map(shown).join(" and ");
  if (changed.length === 0) return [`no file of ${where} has changed: this run reproduces what is published`];
  const rest = changed.length > SHOWN ? [`  and ${changed.length - SHOWN} more`] : [];
  return [
    `${changed.length} ${changed.length === 1 ? "file has" : "files have"} changed in ${where}:`,
    ...changed.slice(0, SHOWN).map((path) => `  ${shown(path)}`),
    ...rest,
  ];
}
