import { existsSync, mkdirSync, rmSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { download, type Patience } from "../download.js";
import { UserError } from "../errors.js";
import { guard } from "../files.js";
import { blobPath, bytesOf, isWhole, linkBlob, snapshotAt, writeRef, type Snapshot } from "./cache.js";
import { credentials, fileAddress, refusalOf, type HubFile, type Repository } from "./client.js";
import { nameOf, type Hub } from "./hub.js";

/** What there is to fetch of a repository. */
export interface FetchPlan {
  of: Repository;
  snapshot: Snapshot;
  /** Every file that an encoder needs. */
  files: HubFile[];
  /** Bytes that are not here yet. */
  missing: number;
}

const SETTINGS = ["config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"];
/** Weights in one file or in shards with their index; the first kind that is there is taken. */
const WEIGHTS = [
  /^model\.safetensors$/,
  /^model(\.safetensors\.index\.json|-\d+-of-\d+\.safetensors)$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(\.bin\.index\.json|-\d+-of-\d+\.bin)$/,
];

/** The files that an encoder is opened from, small ones first. @throws UserError where a repository does not have them. */
export function neededFiles({ files, ...name }: Repository): HubFile[] {
  const weights = WEIGHTS.map((kind) => files.filter(({ path }) => kind.test(path))).find(
    (found) => found.length,
  );
  const has = (path: string) => files.some((file) => file.path === path);
  if (!weights || !has("config.json") || !(has("tokenizer.json") || has("preprocessor_config.json")))
    throw new UserError(
      `${nameOf(name)} holds no encoder: config.json, tokenizer.json or preprocessor_config.json, and model.safetensors or ` +
        `pytorch_model.bin are needed, it has ${files.map(({ path }) => path).join(", ") || "no files"}`,
    );
  const settings = files.filter(({ path }) => SETTINGS.includes(path));
  return [...settings, ...weights].sort((a, b) => a.bytes - b.bytes);
}

/** @throws UserError as {@link neededFiles} does. */
export function planFetch(of: Repository, hub: Hub): FetchPlan {
  const files = neededFiles(of);
  const snapshot = snapshotAt(hub, of.repository, of.commit);
  const plan = { of, snapshot, files };
  const left = files.map((file) => file.bytes - bytesHere(plan, file, hub));
  return { ...plan, missing: left.reduce((sum, bytes) => sum + bytes, 0) };
}

/** A file's checksum, by which its contents are named in the cache. */
const checksum = ({ sha256, gitSha1 }: HubFile) => (sha256 ?? gitSha1)!;
const ENDING = ".incomplete";

/** Bytes of a file that need not be fetched. */
function bytesHere({ of, snapshot }: Pick<FetchPlan, "of" | "snapshot">, file: HubFile, hub: Hub): number {
  const blob = blobPath(hub, of.repository, checksum(file));
  if (isHere(join(snapshot.folder, file.path), file) || isHere(blob, file)) return file.bytes;
  const part = bytesOf(`${blob}${ENDING}`) ?? 0;
  return part > file.bytes ? 0 : part;
}

const isHere = (path: string, { bytes }: HubFile) => bytesOf(path) === bytes;

/**
 * @param bytes that are about to be fetched into the cache
 * @throws UserError where its disk has fewer
 */
export async function checkRoom(bytes: number, { cache }: Pick<Hub, "cache">): Promise<void> {
  let folder = cache;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new UserError(
      `${readableBytes(bytes)} are to be fetched, ${cache} has room for ${readableBytes(bavail * bsize)}: make room, ` +
        "or set HF_HOME to a folder on a larger disk",
    );
}

/** "26.0 GB". */
export function readableBytes(bytes: number): string {
  const [unit, size] = (
    [
      ["GB", 1e9],
      ["MB", 1e6],
      ["kB", 1e3],
    ] as const
  ).find(([, size]) => bytes >= size) ?? ["bytes", 1];
  return `${size === 1 ? bytes : (bytes / size).toFixed(bytes / size < 100 ? 1 : 0)} ${unit}`;
}

export interface FetchOptions extends Patience {
  /** Bytes so far and in all. */
  progress?: (done: number, total: number) => void;
}

/**
 * Fetches what the cache lacks, each file checked against the hub's checksum; goes on where an earlier call was stopped or killed. Another
 * process at the same file is waited for.
 * @throws UserError for a full disk, and as `download` does
 */
export async function fetchSnapshot(
  { of, snapshot, files }: Omit<FetchPlan, "missing">,
  hub: Hub,
  { progress, ...patience }: FetchOptions = {},
): Promise<Snapshot> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const file of files) {
    const blob = blobPath(hub, of.repository, checksum(file));
    const path = join(snapshot.folder, file.path);
    if (!isHere(path, file)) {
      if (bytesOf(blob) !== undefined && !isHere(blob, file)) guard(blob, () => rmSync(blob));
      guard(path, () => mkdirSync(dirname(path), { recursive: true }), "or set HF_HOME to another folder");
      await download(fileAddress(hub, of, file.path), blob, {
        ...patience,
        ...file,
        headers: credentials(hub),
        ending: ENDING,
        remedy: "set HF_ENDPOINT to another hub, or name a folder that holds the encoder",
        refused: (response) => refusalOf(response, of, hub),
        progress: (received) => progress?.(done + received, total),
      });
      linkBlob(blob, path);
    }
    progress?.((done += file.bytes), total);
  }
  if (!isWhole(snapshot.folder))
    throw new UserError(
      `${nameOf(of)}: ${snapshot.folder} is not whole: its index names a shard that is not in the repository`,
    );
  writeRef(hub, of, of.commit);
  return snapshot;
}
