import { createHash } from "node:crypto";
import { join } from "node:path";
import { oneOf, UserError } from "../errors.js";
import { agNews } from "./ag-news.js";
import { cifar100 } from "./cifar-100.js";
import type { Dataset } from "./dataset.js";
import { md5Of } from "../download.js";
import { iemocap } from "./iemocap.js";
import { locate, type LocateOptions } from "./locate.js";
import { isFolder } from "./members.js";
import { ravdess } from "./ravdess.js";

export type { Dataset, Item, ItemOptions, RawInput, Source, Split } from "./dataset.js";
export { locate, toFetch, type LocateOptions } from "./locate.js";
export { downloadProgress } from "./progress.js";

/** Every data set by name. */
export const datasets: Record<string, Dataset> = Object.fromEntries(
  [iemocap, ravdess, agNews, cifar100].map((dataset) => [dataset.name, dataset]),
);

/** @throws UserError that lists the data sets. */
export function datasetNamed(name: string): Dataset {
  return datasets[oneOf("data set", name, Object.keys(datasets))]!;
}

/**
 * Tells one copy of the raw data from another by its contents: an md5 of the files, or of those of a folder that items are made of, with
 * their names.
 * @param paths what `locate` gave
 */
export async function fingerprint({ source }: Dataset, paths: readonly string[]): Promise<string> {
  const hash = createHash("md5");
  for (const path of paths) {
    if (!isFolder(path)) hash.update(await md5Of(path));
    else
      for (const file of source.folder?.files(path) ?? [])
        hash.update(`${file} ${await md5Of(join(path, file))}\n`);
  }
  return hash.digest("hex");
}

/**
 * What `make data` does: finds or fetches data sets and says where each is.
 * @param names all when left out; then one that only its owner can give is told but no error.
 */
export async function prepareData(
  names?: readonly string[],
  options: LocateOptions = {},
): Promise<{ lines: string[]; ok: boolean }> {
  const lines: string[] = [];
  let ok = true;
  for (const dataset of (names ?? Object.keys(datasets)).map(datasetNamed)) {
    const { name, licence, source } = dataset;
    try {
      const paths = await locate(dataset, options);
      lines.push(`${name}: ${paths.join(", ")}${await remark(dataset, paths)} (licence: ${licence})`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const optional = !names && source.kind === "folder";
      lines.push(`${name}: ${optional ? "" : "error: "}${error.message}`);
      ok &&= optional;
    }
  }
  return { lines, ok };
}

async function remark({ source }: Dataset, paths: readonly string[]): Promise<string> {
  if (source.kind === "folder") return "";
  if (paths.some(isFolder)) return ", unpacked, read as it is";
  const official = source.alternatives[0]!.map(({ md5 }) => md5);
  const sums = await Promise.all(paths.map(md5Of));
  return sums.every((sum, index) => sum === official[index]) ? "" : ", not the official file, read as it is";
}
