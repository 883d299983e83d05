import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { rawFolder } from "../folders.js";
import { download, type Patience } from "../download.js";
import { impostor } from "../formats/impostor.js";
import type { Dataset, Source, SourceFile } from "./dataset.js";
import { archiveIn, fileIn, filesIn, hintedFolders, placeIn } from "./lookup.js";
import { isFile, isFolder } from "./members.js";
import { nearMisses } from "./near.js";

export interface LocateOptions {
  /** `DAAM_DATA`: a folder with raw data; `DAAM_MIRROR`: an address that takes the place of the official folder. */
  env?: Record<string, string | undefined>;
  /** In whose `data/raw` to look; this repository. */
  root?: string;
  /** False: only look. */
  fetch?: boolean;
  progress?: (file: string, received: number, total: number | undefined) => void;
  /** Takes a line on what lies there instead before something is fetched; without it, standard error. */
  warn?: (line: string) => void;
  connection?: Patience;
}

/**
 * Where a data set's files lie: in `DAAM_DATA`, else in `data/raw`, else fetched to there. A file that is there already is
 * taken whatever its checksum, in any case of its name, and also as a folder or an archive under another name; a fetched one must have the
 * official size and checksum. Before anything is fetched, what lies there instead is told.
 * @returns the paths in the order of the source's files, or the folder.
 * @throws UserError that says what to do when they cannot be had, and what lies there instead, or what is missing where a part of them is
 *   there.
 */
export async function locate(dataset: Dataset, options: LocateOptions = {}): Promise<string[]> {
  const places = dataPlaces(options);
  const { source, title } = dataset;
  const found = await find(source, places);
  if (found) return found;
  const near = await nearMisses(source, places);
  if (source.kind === "folder")
    throw new UserError(
      near
        ? `${title}: ${near}; else ${source.how}`
        : `${title} is not in ${places.join(" or ")}: ${source.how}`,
    );
  const paths: string[] = [];
  try {
    if (near && options.fetch !== false)
      (options.warn ?? console.error)(`${title}: ${near}; otherwise it is fetched`);
    for (const file of source.alternatives[0]!)
      paths.push(await fetched(dataset, file, places.at(-1)!, options));
  } catch (error) {
    if (!near || !(error instanceof UserError)) throw error;
    throw new UserError(`${title}: ${near}; otherwise: ${error.message}`);
  }
  return paths;
}

/**
 * What {@link locate} would fetch of a data set, and why: what it says where it may not; undefined where the data set is here.
 * @throws UserError as that does, where it is not here and cannot be fetched
 */
export async function toFetch(
  dataset: Dataset,
  options: LocateOptions = {},
): Promise<{ files: { url: string; bytes?: number }[]; why: string } | undefined> {
  try {
    await locate(dataset, { ...options, fetch: false });
    return undefined;
  } catch (error) {
    const [first] = dataset.source.kind === "files" ? dataset.source.alternatives : [];
    if (!first?.every(({ url }) => url)) throw error;
    const folder = dataPlaces(options).at(-1)!;
    const files = first
      .filter(({ name }) => !isFile(join(folder, name)))
      .map((file) => ({ ...file, url: addressOf(file, options)! }));
    return { files, why: (error as Error).message };
  }
}

/** Under its official names, as a folder, as an archive of another name: in this order, whatever the place. */
async function find(source: Source, places: readonly string[]): Promise<string[] | undefined> {
  const { lookalikes, folder } = source;
  const named = source.kind === "files" ? source.alternatives : [];
  for (const place of places)
    for (const files of named) {
      const paths = files.flatMap(({ name }) => fileIn(place, name) ?? []);
      if (paths.length === files.length && !paths.some(impostor)) return paths;
    }
  const folders = places.flatMap((place) => [
    ...(source.kind === "folder" ? source.names.map((name) => placeIn(place, name)) : []),
    ...hintedFolders(place, lookalikes),
  ]);
  for (const one of folders) {
    if (folder?.is(one)) return [one];
    const paths = folder ? undefined : filesIn(one, lookalikes);
    if (paths) return paths;
  }
  for (const place of source.kind === "files" ? places : []) {
    const archive = await archiveIn(place, lookalikes);
    if (archive) return [archive];
  }
  return undefined;
}

/** Folders to look in, the last being where downloads go. */
function dataPlaces({ env = process.env, root }: LocateOptions): string[] {
  const given = env.DAAM_DATA;
  if (given && !isFolder(given))
    throw new UserError(`DAAM_DATA names ${given}, which is not a folder; correct it or unset it`);
  const own = rawFolder(root);
  return given ? [given, own] : [own];
}

async function fetched(
  dataset: Dataset,
  file: SourceFile,
  folder: string,
  options: LocateOptions,
): Promise<string> {
  const target = join(folder, file.name);
  if (isFile(target)) {
    if (impostor(target)) throw new UserError(`remove ${target}, and it is fetched`);
    return target;
  }
  const remedy = `fetch ${file.url ?? file.name} yourself and put it at ${target}, or set DAAM_DATA to a folder that holds it`;
  if (options.fetch === false || !file.url)
    throw new UserError(`${dataset.title} is not there (${target}): ${remedy}`);
  const url = addressOf(file, options)!;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new UserError(`DAAM_MIRROR gives ${url}, which is not an address; correct it`);
  try {
    await download(url, target, {
      ...(file.bytes !== undefined && { bytes: file.bytes }),
      ...(file.md5 !== undefined && { md5: file.md5 }),
      ...options.connection,
      progress: (received, total) => options.progress?.(basename(file.name), received, total),
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${dataset.title}: ${error.message} (or ${remedy})`);
  }
  return target;
}

function addressOf({ name, url }: SourceFile, { env = process.env }: LocateOptions): string | undefined {
  const mirror = env.DAAM_MIRROR;
  return mirror ? `${mirror.replace(/\/$/, "")}/${basename(name)}` : url;
}
