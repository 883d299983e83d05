import { crc32 } from "node:zlib";
import type { ZipFile } from "yauzl";
import { UserError } from "../errors.js";
import { impostor } from "./impostor.js";
import { openZip } from "./open-zip.js";
import { readPickle, readPickleAt, TensorView, type PickleValue, type Storage } from "./pickle.js";
import { fileSize, readRange } from "./read-range.js";
import { firstBytes } from "./read.js";
import { bytesPer, decode, type HostTensor } from "./safetensors.js";
import type { Checkpoint, StoredTensor } from "./stored-tensor.js";

/** The bound on the pickle, which only names tensors: 64 MB would be half a million of them. */
const MAX_PICKLE = 2 ** 26;

/** A stored (not compressed) entry of the archive, by its absolute byte range. */
interface ZipEntry {
  begin: number;
  end: number;
  crc: number;
}

/** What a file says: its pickle, and where the bytes of a storage lie; undefined where they are missing or of another length. */
interface Contents {
  value: PickleValue;
  bytesOf(storage: Storage): (() => Buffer) | undefined;
}

/**
 * Opens a PyTorch checkpoint (`torch.save`) and lists its tensors; data are read tensor by tensor. Since 1.6 it is a zip of one
 * pickle and one entry a storage, whose checksums are checked; before, pickles and storages in a row.
 * @throws UserError for anything in it but tensors (by name), a compressed or damaged archive, or another file format.
 */
export async function openPytorch(path: string): Promise<Checkpoint> {
  // a zip that was cut is told below, with what is known of zips
  const foreign = firstBytes(path, 2).toString("latin1") === "PK" ? undefined : impostor(path);
  if (foreign) throw new UserError(`${path} ${foreign}`);
  const { value, bytesOf } = legacy(path) ?? (await archive(path));
  const tensors: Checkpoint = new Map();
  for (const [name, view] of stateDict(value, path)) {
    if (typeof name !== "string" || !(view instanceof TensorView)) continue;
    const bytes = bytesOf(view.storage);
    if (!bytes)
      throw refuse(path, `the data of tensor ${JSON.stringify(name)} are missing or have the wrong length`);
    tensors.set(name, storedTensor(bytes, view));
  }
  return tensors;
}

async function archive(path: string): Promise<Contents> {
  const entries = await zipEntries(path);
  const pickleName = [...entries.keys()].find((name) => name.endsWith("/data.pkl"));
  if (!pickleName) throw refuse(path, "it holds no data.pkl");
  const root = pickleName.slice(0, -"data.pkl".length);
  const order = entries.get(`${root}byteorder`);
  if (order && read(path, order).toString() !== "little")
    throw refuse(path, "its byte order is not little-endian");

  const pickle = entries.get(pickleName)!;
  if (pickle.end - pickle.begin > MAX_PICKLE)
    throw refuse(path, "its pickle is too large to name tensors only");
  return {
    value: readPickle(read(path, pickle), path),
    bytesOf: ({ key, dtype, elements }) => {
      const entry = entries.get(`${root}data/${key}`);
      return entry?.end === (entry?.begin ?? 0) + elements * bytesPer[dtype]
        ? () => read(path, entry!)
        : undefined;
    },
  };
}

/** `torch.save`'s magic number, 0x1950a86a20f9469cfc6c, as a pickle has it (LONG1), and STOP. */
const LEGACY = Buffer.from("8a0a6cfc9c46f9206aa850192e", "hex");

/**
 * The format from before 1.6: pickles of a magic number, a version, the writer's machine, the object, and the keys of its storages;
 * then each storage, its number of elements before it.
 */
function legacy(path: string): Contents | undefined {
  const magic = firstBytes(path, 32).indexOf(LEGACY);
  if (magic < 0) return undefined;
  const size = fileSize(path);
  const bytes = firstBytes(path, MAX_PICKLE);
  const version = readPickleAt(bytes, path, magic + LEGACY.length);
  const machine = readPickleAt(bytes, path, version.end);
  if (version.value !== 1001) throw refuse(path, `its version is ${JSON.stringify(version.value)}, not 1001`);
  if (machine.value instanceof Map && machine.value.get("little_endian") === false)
    throw refuse(path, "its byte order is not little-endian");
  const object = readPickleAt(bytes, path, machine.end);
  const keys = readPickleAt(bytes, path, object.end);
  const begins = new Map<string, number>();
  let at = keys.end;
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const storage = object.storages.get(String(key));
    const begin = at + 8;
    at = begin + (storage ? storage.elements * bytesPer[storage.dtype] : 0);
    if (
      !storage ||
      at > size ||
      Number(readRange(path, begin - 8, begin).readBigInt64LE()) !== storage.elements
    )
      throw refuse(path, `it ends before its last tensor, or is damaged, at byte ${begin} of ${size}`);
    begins.set(storage.key, begin);
  }
  return {
    value: object.value,
    bytesOf: ({ key, dtype, elements }) => {
      const begin = begins.get(key);
      return begin === undefined
        ? undefined
        : () => readRange(path, begin, begin + elements * bytesPer[dtype]);
    },
  };
}

type Dictionary = Map<PickleValue, PickleValue>;

/** Under which training checkpoints keep their model's tensors, in the order in which it is looked for. */
const MODEL_KEYS = ["state_dict", "model_state_dict", "model"];
/** Keys that an error names, and characters of each. */
const [MAX_KEYS, MAX_KEY] = [8, 40];

/** A state dict, or the one inside a training checkpoint. @throws UserError that says what it holds instead. */
function stateDict(value: PickleValue, path: string): Dictionary {
  if (!(value instanceof Map)) throw refuse(path, "it is no dictionary of tensors");
  const inner = value.get("state_dict");
  if (inner instanceof Map) return inner;
  if (holdsTensors(value)) return value;
  const nested = [...value].filter(([, inner]) => holdsTensors(inner)) as [PickleValue, Dictionary][];
  const [, only] =
    MODEL_KEYS.map((key) => nested.find(([name]) => name === key)).find((entry) => entry) ??
    (nested.length === 1 ? nested[0]! : []);
  if (only) return only;
  const keys = [...(nested.length ? nested : value)].map(([key]) =>
    typeof key === "object" ? "…" : JSON.stringify(typeof key === "string" ? key.slice(0, MAX_KEY) : key),
  );
  const listed = keys.slice(0, MAX_KEYS).join(", ") + (keys.length > MAX_KEYS ? ", …" : "");
  throw new UserError(
    `${path} is no checkpoint of one model: it holds ` +
      (nested.length
        ? `several dictionaries of tensors (${listed})`
        : `no tensors by name, but ${listed || "nothing"}`) +
      "; save the model's state_dict alone",
  );
}

const holdsTensors = (value: PickleValue): boolean =>
  value instanceof Map && [...value.values()].some((item) => item instanceof TensorView);

function storedTensor(bytes: () => Buffer, { storage, offset, shape, strides }: TensorView): StoredTensor {
  return {
    dtype: storage.dtype,
    shape,
    read: (): HostTensor => {
      const whole = decode(storage.dtype, [storage.elements], bytes());
      return { ...whole, shape, data: gather(whole.data, offset, shape, strides) };
    },
  };
}

/** The elements of a strided view, row by row. */
function gather<T extends Float32Array | Int32Array>(
  data: T,
  offset: number,
  shape: number[],
  strides: number[],
): T {
  const elements = shape.reduce((product, n) => product * n, 1);
  let dense = 1;
  const contiguous = shape.every((_, reversed) => {
    const axis = shape.length - 1 - reversed;
    const fits = shape[axis] === 1 || strides[axis] === dense;
    dense *= shape[axis]!;
    return fits;
  });
  if (contiguous) return data.subarray(offset, offset + elements) as T;
  const out = new (data.constructor as new (n: number) => T)(elements);
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < elements; to++) {
    out[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

function read(path: string, { begin, end, crc }: ZipEntry): Buffer {
  const bytes = readRange(path, begin, end);
  if (crc32(bytes) !== crc) throw refuse(path, `bytes ${begin} to ${end} do not match their checksum`);
  return bytes;
}

async function zipEntries(path: string): Promise<Map<string, ZipEntry>> {
  const size = fileSize(path);
  const entries = new Map<string, ZipEntry>();
  let zip: ZipFile | undefined;
  try {
    zip = await openZip(path, { autoClose: false });
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== 0 || entry.uncompressedSize !== entry.compressedSize)
        throw new Error(
          `its entry ${JSON.stringify(entry.fileName)} is compressed, which PyTorch never does`,
        );
      const { fileDataStart: begin } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      const end = begin + entry.uncompressedSize;
      if (end > size)
        throw new Error(`its entry ${JSON.stringify(entry.fileName)} reaches beyond the end of the file`);
      entries.set(entry.fileName, { begin, end, crc: entry.crc32 });
    }
    return entries;
  } catch (error) {
    const cut = impostor(path);
    throw refuse(path, cut ? `it ${cut}` : (error as Error).message);
  } finally {
    zip?.close();
  }
}

function refuse(path: string, why: string): UserError {
  return new UserError(
    `${path} is not a readable PyTorch checkpoint: ${why}; fetch it again, or as safetensors`,
  );
}
