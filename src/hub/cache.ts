/** The cache that clients of the hub share: `models--org--name/{refs,snapshots/<commit>,blobs}`. */
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { getRepoFolderName } from "@huggingface/hub";
import { guard, writeWhole } from "../files.js";
import { checkpointFiles } from "../formats/checkpoint.js";
import type { Hub, RepositoryName } from "./hub.js";

/** Files of a repository at a commit, in a folder as `save_pretrained` writes it. */
export interface Snapshot {
  repository: string;
  commit: string;
  folder: string;
}

const OTHERWISE = "or set HF_HOME to another folder";

export const repositoryFolder = ({ cache }: Pick<Hub, "cache">, repository: string) =>
  join(cache, getRepoFolderName({ type: "model", name: repository }));

/** Where the files of a commit lie or will lie. */
export const snapshotAt = (hub: Pick<Hub, "cache">, repository: string, commit: string): Snapshot => ({
  repository,
  commit,
  folder: join(repositoryFolder(hub, repository), "snapshots", commit),
});

/** Path of a file's contents, which are named by their checksum. */
export const blobPath = (hub: Pick<Hub, "cache">, repository: string, checksum: string) =>
  join(repositoryFolder(hub, repository), "blobs", checksum);

/** The snapshot that the cache has of a revision, whole or not. */
export function cachedSnapshot(
  hub: Pick<Hub, "cache">,
  { repository, revision }: RepositoryName,
): Snapshot | undefined {
  const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : readRef(hub, repository, revision);
  const snapshot = commit && snapshotAt(hub, repository, commit);
  return snapshot && existsSync(snapshot.folder) ? snapshot : undefined;
}

const refPath = (hub: Pick<Hub, "cache">, repository: string, revision: string) =>
  join(repositoryFolder(hub, repository), "refs", revision);

function readRef(hub: Pick<Hub, "cache">, repository: string, revision: string): string | undefined {
  try {
    const commit = readFileSync(refPath(hub, repository, revision), "utf8").trim();
    return /^[0-9a-f]{40}$/.test(commit) ? commit : undefined;
  } catch {
    return undefined;
  }
}

/** Notes which commit a branch or tag is at. @throws UserError where the cache cannot be written. */
export function writeRef(
  hub: Pick<Hub, "cache">,
  { repository, revision }: RepositoryName,
  commit: string,
): void {
  if (revision !== commit) writeWhole(refPath(hub, repository, revision), commit);
}

/** Whether a folder has what an encoder is opened from: its configuration, every file of its weights, a tokenizer or preprocessor. */
export function isWhole(folder: string): boolean {
  const has = (name: string) => existsSync(join(folder, name));
  if (!has("config.json") || !["tokenizer.json", "preprocessor_config.json"].some(has)) return false;
  try {
    return checkpointFiles(folder).every(has);
  } catch {
    return false;
  }
}

/** Bytes of a file behind its link; undefined where there is none. */
export const bytesOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

/** Puts a blob into a snapshot under a file's name. @throws UserError where the cache cannot be written. */
export function linkBlob(blob: string, path: string): void {
  guard(
    path,
    () => {
      mkdirSync(dirname(path), { recursive: true });
      if (bytesOf(path) === bytesOf(blob)) return;
      if (lstatSync(path, { throwIfNoEntry: false })) rmSync(path);
      try {
        symlinkSync(relative(dirname(path), blob), path);
      } catch (error) {
        // another process was quicker
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    },
    OTHERWISE,
  );
}

/**
 * Removes files of a snapshot whose contents are not those of the checksum that they are named by; files that are no links to such are left.
 * @returns their paths
 * @throws UserError where the cache cannot be written
 */
export async function removeDamaged(folder: string): Promise<string[]> {
  const damaged: string[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!lstatSync(path).isSymbolicLink() || bytesOf(path) === undefined) continue;
    const blob = realpathSync(path);
    const checksum = basename(blob);
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(checksum) || (await checksumOf(blob, checksum)) === checksum)
      continue;
    guard(blob, () => [path, blob].forEach((file) => rmSync(file)), OTHERWISE);
    damaged.push(path);
  }
  return damaged;
}

/** As the hub names a file's contents: SHA-256 of large ones, git's SHA-1 of others. */
async function checksumOf(path: string, { length }: string): Promise<string> {
  const hash = createHash(length === 64 ? "sha256" : "sha1");
  if (length === 40) hash.update(`blob ${bytesOf(path)}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
