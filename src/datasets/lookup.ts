import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../errors.js";
import { archiveEntries } from "../formats/archive.js";
import { impostor } from "../formats/impostor.js";
import type { Lookalikes } from "./dataset.js";
import { isFile, isFolder } from "./members.js";

/** Folders below the one that a hint names, as some releases and unpackers nest them. */
const DEPTH = 3;
/** Entries of an archive that are looked at: those of a tar have to be unpacked. */
const PEEKED = { zip: 5_000, tar: 12 };
export const ARCHIVE = /\.(zip|tar|tgz|tar\.gz)$/i;

/** What Kaggle calls every download. */
const UNNAMED = /^archive\b/i;

/** Names in a folder, sorted; none where it cannot be listed. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** The path below `place`, in any case where it is not there in this one. */
export function pathIn(place: string, name: string): string | undefined {
  const exact = join(place, name);
  if (existsSync(exact)) return exact;
  const parent = dirname(name);
  const folder = parent === "." ? place : pathIn(place, parent);
  const lower = basename(name).toLowerCase();
  const found = folder && namesIn(folder).find((one) => one.toLowerCase() === lower);
  return found && join(folder, found);
}

/** The same, or where it should be. */
export const placeIn = (place: string, name: string): string => pathIn(place, name) ?? join(place, name);

/** A file below `place`, in any case. */
export function fileIn(place: string, name: string): string | undefined {
  const path = pathIn(place, name);
  return path && isFile(path) ? path : undefined;
}

/** `place` and the folders in it that may hold a data set, the outer ones first. */
export function hintedFolders(place: string, { hint }: Lookalikes): string[] {
  const inside = (folder: string) =>
    namesIn(folder)
      .filter((name) => !name.startsWith(".") && name !== "__MACOSX")
      .map((name) => join(folder, name))
      .filter(isFolder);
  let level = inside(place).filter((folder) => hint.test(basename(folder)) || UNNAMED.test(basename(folder)));
  const found = [place, ...level];
  for (let depth = 1; depth < DEPTH; depth++) {
    level = level.flatMap(inside).slice(0, 100);
    found.push(...level);
  }
  return found;
}

/** The files of a data set that lie in one folder under names of their own. */
export function filesIn(folder: string, { holds }: Lookalikes): string[] | undefined {
  const names = namesIn(folder);
  for (const set of holds) {
    const paths = set.flatMap((name) => names.filter((one) => name.test(one)).slice(0, 1));
    if (
      paths.length === set.length &&
      paths.every((name) => fileIn(folder, name) && !impostor(join(folder, name)))
    )
      return paths.map((name) => join(folder, name));
  }
  return undefined;
}

/** An archive under another name that holds a data set: one whose name hints at it, or that is the only one and tells by its files. */
export async function archiveIn(
  place: string,
  { hint, holds, telling }: Lookalikes,
): Promise<string | undefined> {
  const all = namesIn(place).filter((name) => ARCHIVE.test(name) && fileIn(place, name));
  for (const name of all) {
    const path = join(place, name);
    const meant = hint.test(name) || UNNAMED.test(name) || (telling && all.length === 1);
    if (!meant || impostor(path)) continue;
    const names = await entriesOf(path);
    if (holds.some((set) => set.every((wanted) => names.some((one) => wanted.test(basename(one))))))
      return path;
  }
  return undefined;
}

/** Names of an archive's entries, of a tar the first ones; none for a damaged one. */
export async function entriesOf(path: string): Promise<string[]> {
  const names: string[] = [];
  const most = /\.zip$/i.test(path) ? PEEKED.zip : PEEKED.tar;
  try {
    for await (const { name } of archiveEntries(path)) if (names.push(name) === most) break;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return names;
}
