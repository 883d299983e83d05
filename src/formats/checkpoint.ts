import { lstatSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { UserError } from "../errors.js";
import { openPytorch } from "./pytorch.js";
import { readEntry, readEntryInto, readHeader } from "./safetensors.js";
import type { Checkpoint } from "./stored-tensor.js";

/** What `save_pretrained` writes, in the order in which it is looked for. */
const layouts = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/**
 * Opens the checkpoint of a Hugging Face folder, in one file or sharded with its index.
 * @throws UserError if there is none, a shard is missing, or a file is damaged or holds anything but tensors.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, layoutOf(folder));
  return isIndex(path) ? openShards(folder, path) : openTensorFile(path);
}

/** Names of the files that `openCheckpoint` reads the folder's tensors from. Throws as that does, but for shards. */
export function checkpointFiles(folder: string): string[] {
  const name = layoutOf(folder);
  return isIndex(name) ? [...new Set(Object.values(weightMap(join(folder, name))))].map(String) : [name];
}

const isIndex = (name: string) => name.endsWith(".index.json");

function layoutOf(folder: string): string {
  // a link to nothing counts: opening it says so
  const isThere = (name: string) => lstatSync(join(folder, name), { throwIfNoEntry: false });
  const name = layouts.find(isThere);
  if (!name) throw new UserError(`${folder} holds no checkpoint: put ${layouts.join(" or ")} there`);
  return name;
}

/** Opens one file of tensors, `.safetensors` or `.bin`. */
export async function openTensorFile(path: string): Promise<Checkpoint> {
  if (extname(path) !== ".safetensors") return openPytorch(path);
  const { entries } = readHeader(path);
  return new Map(
    [...entries].map(([name, entry]) => [
      name,
      {
        dtype: entry.dtype,
        shape: entry.shape,
        read: () => readEntry(path, entry),
        readInto: (values: Float32Array) => readEntryInto(path, entry, values),
      },
    ]),
  );
}

async function openShards(folder: string, indexPath: string): Promise<Checkpoint> {
  const shards = new Map<string, Checkpoint>();
  const tensors: Checkpoint = new Map();
  for (const [name, file] of Object.entries(weightMap(indexPath))) {
    // an index may only name files beside it
    if (typeof file !== "string" || file !== basename(file) || file === "..")
      throw new UserError(
        `${indexPath} names the shard ${JSON.stringify(file)}, which is no file name; fetch it again`,
      );
    let shard = shards.get(file);
    if (!shard) {
      shard = await openTensorFile(join(folder, file));
      shards.set(file, shard);
    }
    const tensor = shard.get(name);
    if (!tensor)
      throw new UserError(
        `${join(folder, file)} lacks tensor ${JSON.stringify(name)}, which ${indexPath} puts there`,
      );
    tensors.set(name, tensor);
  }
  return tensors;
}

function weightMap(path: string): Record<string, unknown> {
  try {
    const map = JSON.parse(readFileSync(path, "utf8")).weight_map;
    if (typeof map === "object" && map !== null && !Array.isArray(map)) return map;
  } catch {
    // as below
  }
  throw new UserError(
    `${path} is no index of shards: it needs a "weight_map" of tensor names; fetch it again`,
  );
}
