import { basename, dirname, join } from "node:path";
import { impostor, UNFINISHED } from "../formats/impostor.js";
import type { Source, SourceFile } from "./dataset.js";
import { ARCHIVE, entriesOf, fileIn, namesIn } from "./lookup.js";
import { isFile, isFolder } from "./members.js";

/** Entries of a folder or an archive that are named. */
const SHOWN = 4;
/** Things that one message names. */
const MOST = 3;

/**
 * Says what lies where a data set is looked for and cannot be read as it: what is no data at all, a part of the files, else what has a name
 * like it.
 * @param places folders that are looked into, the last being where downloads go
 */
export async function nearMisses(source: Source, places: readonly string[]): Promise<string | undefined> {
  const alternatives = source.kind === "files" ? source.alternatives : [];
  const wanted = `; wanted is ${source.lookalikes.wanted}`;
  const damaged = places.flatMap((place) => damagedIn(place, alternatives, place === places.at(-1)));
  if (damaged.length) return damaged.slice(0, MOST).join("; ") + wanted;
  const half = halfThere(alternatives, places);
  if (half) return half;
  const hinted: string[] = [];
  const fetched = alternatives[0]?.map(({ name }) => name.split("/")[0]);
  for (const place of places)
    for (const name of namesIn(place).filter((name) => source.lookalikes.hint.test(name))) {
      if (place === places.at(-1) && fetched?.includes(name)) continue;
      const told = await toldOf(join(place, name), source.kind === "folder");
      if (told && hinted.length < MOST) hinted.push(told);
    }
  return hinted.length ? hinted.join("; ") + wanted : undefined;
}

/** Files of the data set's names, or unfinished downloads of them, that are no data. What was fetched to `own` goes on by itself. */
function damagedIn(place: string, alternatives: readonly SourceFile[][], own: boolean): string[] {
  const official = alternatives.flat().map(({ name }) => name);
  const parts = official.map((name) => join(place, `${name}.part`));
  return [...new Set(official.map((name) => dirname(name)))].flatMap((folder) => {
    const names = official
      .filter((name) => dirname(name) === folder)
      .map((name) => basename(name).toLowerCase());
    const meant = (file: string) =>
      names.some((name) => file === name || (file.startsWith(`${name}.`) && UNFINISHED.test(file)));
    return namesIn(join(place, folder))
      .filter((file) => meant(file.toLowerCase()))
      .map((file) => join(place, folder, file))
      .filter((path) => isFile(path) && !(own && parts.includes(path)))
      .flatMap((path) => {
        const why = impostor(path);
        return why ? [`${path} ${why}`] : [];
      });
  });
}

/** Says which files are missing beside those that the user has, where he has some; what was fetched goes on by itself. */
function halfThere(alternatives: readonly SourceFile[][], places: readonly string[]): string | undefined {
  for (const place of places)
    for (const files of alternatives) {
      if (files === alternatives[0] && place === places.at(-1)) continue;
      const there = files.flatMap(({ name }) => fileIn(place, name) ?? []);
      const missing = files.filter(({ name }) => !fileIn(place, name)).map(({ name }) => join(place, name));
      if (there.length && missing.length)
        return `${missing.join(", ")} is missing beside ${there.join(", ")}: put it there`;
    }
  return undefined;
}

async function toldOf(path: string, unpack: boolean): Promise<string | undefined> {
  const list = (names: string[]) =>
    names.slice(0, SHOWN).join(", ") + (names.length > SHOWN ? ", …" : "") || "nothing";
  if (isFolder(path)) return `${path} is a folder that holds ${list(namesIn(path))}`;
  if (!isFile(path)) return undefined;
  const why = impostor(path);
  if (why) return `${path} ${why}`;
  if (!ARCHIVE.test(path)) return `${path} is a file`;
  if (unpack)
    return `${path} is an archive: unpack it (${/\.zip$/i.test(path) ? "unzip" : "tar -xf"} ${basename(path)})`;
  const names = await entriesOf(path);
  return names.length ? `${path} is an archive that holds ${list(names)}` : `${path} is no readable archive`;
}
