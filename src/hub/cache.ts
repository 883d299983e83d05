/** The cache that clients of the hub share: `models--org--name/{refs,snapshots/<commit>,blobs}`. */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
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
