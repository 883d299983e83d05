import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { rawFolder } from "../folders.js";
import type { Dataset, SourceFile } from "./dataset.js";
import { download, type Patience } from "../download.js";

export interface LocateOptions {
  /** `DAAM_DATA`: a folder with raw data; `DAAM_MIRROR`: an address that takes the place of the official folder. */
  env?: Record<string, string | undefined>;
  /** In whose `data/raw` to look; this repository. */
  root?: string;
  /** False: only look. */
  fetch?: boolean;
  progress?: (file: string, received: number, total: number | undefined) => void;
  connection?: Patience;
}

/**
 * Where a data set's files lie: in `DAAM_DATA`, else in `data/raw`, else fetched to there. A file that is there already is
 * taken whatever its checksum; a fetched one must have the official size and checksum.
 * @returns the paths in the order of the source's files, or the folder.
 * @throws UserError that says what to do when they cannot be had, and what is missing where a part of them is there.
 */
export async function locate(dataset: Dataset, options: LocateOptions = {}): Promise<string[]> {
  const places = dataPlaces(options);
  const { source } = dataset;
  if (source.kind === "folder") {
    const found = places
      .flatMap((place) => source.names.map((name) => join(place, name)))
      .find((folder) => existsSync(join(folder, source.marker)));
    if (found) return [found];
    throw new UserError(`${dataset.title} is not in ${places.join(" or ")}: ${source.how}`);
  }
  for (const place of places)
    for (const files of source.alternatives) {
      const paths = files.map(({ name }) => join(place, name));
      if (paths.every(isFile)) return paths;
    }
  const paths: string[] = [];
  try {
    for (const file of source.alternatives[0]!)
      paths.push(await fetched(dataset, file, places.at(-1)!, options));
  } catch (error) {
    const half = halfThere(source.alternatives, places);
    if (!half || !(error instanceof UserError)) throw error;
    throw new UserError(`${dataset.title}: ${half}; otherwise: ${error.message}`);
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

/** Says which files are missing beside those that the user has, where he has some; what was fetched goes on by itself. */
function halfThere(alternatives: readonly SourceFile[][], places: readonly string[]): string | undefined {
  for (const place of places)
    for (const files of alternatives) {
      if (files === alternatives[0] && place === places.at(-1)) continue;
      const paths = files.map(({ name }) => join(place, name));
      const missing = paths.filter((path) => !isFile(path));
      const there = paths.filter(isFile);
      if (there.length && missing.length)
        return `${missing.join(", ")} is missing beside ${there.join(", ")}: put it there`;
    }
  return undefined;
}

/** Folders to look in, the last being where downloads go. */
function dataPlaces({ env = process.env, root }: LocateOptions): string[] {
  const given = env.DAAM_DATA;
  if (given && !statSync(given, { throwIfNoEntry: false })?.isDirectory())
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
  if (isFile(target)) return target;
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

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
