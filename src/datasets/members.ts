import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { archiveEntries, type ArchiveLimits, defaultLimits } from "../formats/archive.js";
import { refuseImpostor } from "../formats/impostor.js";
import { readBounded } from "../formats/read.js";

/** A file of a data set, in a folder or an archive. It can be read until the next one is asked for. */
export interface Member {
  /** Path in its folder or archive. */
  file: string;
  /** What errors begin with. */
  name: string;
  stream(): Promise<Readable>;
  /** @throws UserError where it is larger than an archive's entry may be. */
  read(): Promise<Buffer>;
}

export const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
export const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * The files of a data set as it lies: several files, one archive, or one folder.
 * @param paths what `locate` gave
 * @param options `list` names the files of a folder; `limits` are an archive's
 * @throws UserError for a file that is none: a git-LFS pointer, a web page, …
 */
export async function* members(
  paths: readonly string[],
  options: { list?: (root: string) => string[]; limits?: ArchiveLimits } = {},
): AsyncGenerator<Member> {
  const { limits = defaultLimits } = options;
  const [root] = paths as [string];
  if (paths.length > 1) {
    for (const path of paths) yield fileMember(path, path, limits);
  } else if (isFolder(root)) {
    for (const file of options.list?.(root) ?? []) yield fileMember(file, join(root, file), limits);
  } else {
    refuseImpostor(root);
    for await (const entry of archiveEntries(root, limits))
      yield {
        file: entry.name,
        name: `${root}: ${entry.name}`,
        stream: () => entry.stream(),
        read: () => entry.read(),
      };
  }
}

function fileMember(file: string, path: string, limits: ArchiveLimits): Member {
  return {
    file,
    name: path,
    stream: async () => {
      refuseImpostor(path);
      return createReadStream(path);
    },
    read: async () => readBounded(path, limits.entry),
  };
}
