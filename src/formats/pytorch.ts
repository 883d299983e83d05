import { crc32 } from "node:zlib";
import type { ZipFile } from "yauzl";
import { UserError } from "../errors.js";
import { openZip } from "./open-zip.js";
import { readPickle, TensorView, type PickleValue } from "./pickle.js";
import { fileSize, readRange } from "./read-range.js";
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

/**
 * Opens a PyTorch checkpoint (`torch.save` since 1.6: a zip of one pickle and one entry a storage) and lists its tensors; data are
 * read tensor by tensor, and checked against the archive's checksums.
 * @throws UserError for anything in it but tensors (by name), a compressed or damaged archive, or another file format.
 */
export async function openPytorch(path: string): Promise<Checkpoint> {
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
  const state = stateDict(readPickle(read(path, pickle), path), path);
  const tensors: Checkpoint = new Map();
  for (const [name, value] of state) {
    if (typeof name !== "string" || !(value instanceof TensorView)) continue;
    const { dtype, key, elements } = value.storage;
    const entry = entries.get(`${root}data/${key}`);
    if (!entry || entry.end - entry.begin !== elements * bytesPer[dtype])
      throw refuse(path, `the data of tensor ${JSON.stringify(name)} are missing or have the wrong length`);
    tensors.set(name, storedTensor(path, entry, value));
  }
  return tensors;
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

function storedTensor(
  path: string,
  entry: ZipEntry,
  { storage, offset, shape, strides }: TensorView,
): StoredTensor {
  return {
    dtype: storage.dtype,
    shape,
    read: (): HostTensor => {
      const whole = decode(storage.dtype, [storage.elements], read(path, entry));
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
    throw refuse(path, (error as Error).message);
  } finally {
    zip?.close();
  }
}

function refuse(path: string, why: string): UserError {
  return new UserError(
    `${path} is not a readable PyTorch checkpoint: ${why}; fetch it again, or as safetensors`,
  );
}
