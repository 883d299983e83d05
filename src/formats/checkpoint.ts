import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { UserError } from "../errors.js";
import { refuseImpostor, UNFINISHED } from "./impostor.js";
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
  if (!name)
    throw new UserError(
      `${folder} holds no checkpoint: ${insteadOfOne(folder)}put ${layouts.join(" or ")} there`,
    );
  return name;
}

/** Files that lie in a checkpoint's place, and what to do about them. */
const neighbours: [name: RegExp, says: (name: string) => string][] = [
  [UNFINISHED, (name) => `${name} is an unfinished download: let it finish or fetch it again`],
  [
    /\.gguf$/i,
    (name) => `${name} is llama.cpp's format, which is not read: take the safetensors that it was made from`,
  ],
  [
    /-\d{5}-of-\d{5}\.(safetensors|bin)$/,
    (name) => `${name} is a shard without its index: fetch the .index.json of the same repository too`,
  ],
  [
    /^consolidated\.\d+\.pth$/,
    (name) =>
      `${name} is in Meta's own layout: take the repository whose name ends in -hf, or convert it with transformers`,
  ],
  [/^adapter_model\./, () => "it is an adapter's folder: name its base model's"],
  [
    /\.(h5|msgpack|onnx|ot|tflite)$/,
    (name) =>
      `${name} is another library's format, which is not read: take the safetensors of the same repository`,
  ],
  [
    /\.(safetensors|bin|pth?|ckpt)$/,
    (name) => `if ${name} is it, call it ${/s$/.test(name) ? layouts[0] : layouts[2]}`,
  ],
];

/** What a folder without a checkpoint holds instead of one. */
function insteadOfOne(folder: string): string {
  const names = readdirSync(folder).sort();
  for (const [pattern, says] of neighbours) {
    const name = names.find((name) => pattern.test(name) && name !== "training_args.bin");
    if (name) return `${says(name)}; else `;
  }
  return "";
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
  refuseImpostor(path);
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
