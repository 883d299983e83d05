import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs"; // prettier-ignore
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { UserError } from "../errors.js";
import { guard, writeAll, writeWhole } from "../files.js";
import { repository } from "../folders.js";
import { bytesPer, safetensorsHeader } from "../formats/safetensors.js";
import type { PublishedModel } from "./models.js";
import { configOf, tensorsOf, type Planned } from "./tensors.js";
import { distributionOf, normalTable, store, storedValues } from "./values.js";

/** Bytes of a shard's tensors, as `save_pretrained` cut them when these checkpoints were published. */
const SHARD = 10e9;
/** Bytes left free beside a checkpoint. */
const SPARE = 1e9;

export interface SyntheticOptions {
  seed?: number;
  /** instead of the published number */
  layers?: number;
  /** bytes of a shard's tensors at most, unless one alone has more */
  shard?: number;
  /** called after each tensor */
  progress?: (written: number, total: number) => void;
}

/**
 * Writes a checkpoint of the shapes, names and types of a published one, with random weights, as a Hugging Face folder: config.json,
 * model.safetensors or shards with their index, and what prepares inputs (for text the small tokenizer of `llama-mini`, whose ids lie in
 * every vocabulary). No tensor is ever whole in memory.
 * @returns bytes of the weights
 * @throws UserError if the folder holds files, or the disk has no room; nothing is left then.
 */
export async function writeSynthetic(
  model: PublishedModel,
  folder: string,
  options: SyntheticOptions = {},
): Promise<number> {
  const { seed = 0, layers, shard = SHARD, progress } = options;
  const config = configOf(model, layers);
  const tensors = tensorsOf(model, config);
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  const parent = dirname(resolve(folder));
  if (existsSync(folder) && readdirSync(folder).length)
    throw new UserError(`${folder} holds files already; name a new folder, or remove it`);
  const part = `${resolve(folder)}.${process.pid}.part`;
  guarded(parent, () => mkdirSync(parent, { recursive: true }));
  checkSpace(parent, total);
  const remove = () => rmSync(part, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    guarded(part, () => mkdirSync(part));
    await writeWeights(part, tensors, seed, shard, (written) => progress?.(written, total));
    guarded(part, () => {
      writeRest(part, model, config);
      renameSync(part, folder);
    });
  } finally {
    remove();
    process.off("exit", remove);
  }
  return total;
}

const guarded = <T>(path: string, operation: () => T) => guard(path, operation, "or name another folder");

const count = ({ shape }: Planned) => shape.reduce((a, b) => a * b, 1);
const bytesOf = (tensor: Planned) => count(tensor) * bytesPer[tensor.dtype];

function checkSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes + SPARE) return;
  const gb = (n: number) => `${(n / 1e9).toFixed(1)} GB`;
  throw new UserError(
    `${folder} has ${gb(bavail * bsize)} free, the checkpoint needs ${gb(bytes)} and ${gb(SPARE)} to spare; free some space, or name a folder on another disk`,
  );
}

async function writeWeights(
  folder: string,
  tensors: readonly Planned[],
  seed: number,
  most: number,
  progress: (written: number) => void,
): Promise<void> {
  const shards = shardsOf(tensors, most);
  const normals = normalTable(seed);
  const weightMap: Record<string, string> = {};
  let written = 0;
  for (const [i, shard] of shards.entries()) {
    const number = (n: number) => String(n).padStart(5, "0");
    const file =
      shards.length === 1
        ? "model.safetensors"
        : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    const path = join(folder, file);
    const to = guarded(path, () => openSync(path, "wx"));
    const put = (bytes: Uint8Array) => guarded(path, () => writeAll(to, bytes));
    try {
      put(safetensorsHeader(shard, { format: "pt" }));
      for (const tensor of shard) {
        const { name, dtype, values } = tensor;
        const parts = values
          ? [new Uint8Array(store(dtype, values).buffer)]
          : storedValues(seed, name, count(tensor), dtype, normals, distributionOf(name, tensor.shape));
        for (const part of parts) put(part);
        weightMap[name] = file;
        progress((written += bytesOf(tensor)));
        await setImmediate(); // signals are heard between tensors
      }
    } finally {
      closeSync(to);
    }
  }
  if (shards.length > 1) {
    const index = { metadata: { total_size: written }, weight_map: weightMap };
    writeWhole(join(folder, "model.safetensors.index.json"), JSON.stringify(index, undefined, 2));
  }
}

/** Tensors in order, cut where the next one would make a shard too large. */
function shardsOf(tensors: readonly Planned[], most: number): Planned[][] {
  const shards: Planned[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    if (bytes > 0 && bytes + bytesOf(tensor) > most) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += bytesOf(tensor);
  }
  return shards;
}

function writeRest(folder: string, model: PublishedModel, config: Record<string, unknown>): void {
  const json = (file: string, content: unknown) =>
    writeFileSync(join(folder, file), `${JSON.stringify(content, undefined, 2)}\n`);
  json("config.json", config);
  if (model.preprocessor) json("preprocessor_config.json", model.preprocessor);
  else
    for (const file of ["tokenizer.json", "tokenizer_config.json"])
      copyFileSync(join(repository, "data", "encoders", "llama-mini", file), join(folder, file));
}
