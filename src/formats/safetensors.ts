import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UserError } from "../errors.js";

/** Bytes of one element of each dtype of the format. */
export const bytesPer = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type SafeDtype = keyof typeof bytesPer;

/** Where a tensor lies in its file: absolute byte range, shape and dtype. */
export interface SafeEntry {
  dtype: SafeDtype;
  shape: number[];
  begin: number;
  end: number;
}

export interface SafeHeader {
  entries: Map<string, SafeEntry>;
  metadata: Record<string, string>;
}

/** A tensor in host memory; float types are widened to float32, integers of at most 32 bits to int32. */
export interface HostTensor {
  shape: number[];
  dtype: "float32" | "int32";
  data: Float32Array | Int32Array;
}

/** The format's own bound on the header. */
const MAX_HEADER = 100_000_000;

/**
 * Reads and checks the header of a safetensors file: every range lies in the file and fits its shape and dtype.
 * @throws UserError naming the file and the first entry that does not hold.
 */
export function readHeader(path: string): SafeHeader {
  const file = open(path);
  try {
    const size = fstatSync(file).size;
    if (size < 8) throw refuse(path, `${size} bytes are too few for a header`);
    const head = Buffer.alloc(8);
    readSync(file, head, 0, 8, 0);
    const length = Number(head.readBigUInt64LE());
    if (length > MAX_HEADER || 8 + length > size)
      throw refuse(path, `its header of ${length} bytes does not fit in ${size} bytes`);
    const text = Buffer.alloc(length);
    readSync(file, text, 0, length, 8);
    return parseHeader(path, text.toString("utf8"), 8 + length, size);
  } finally {
    closeSync(file);
  }
}

function parseHeader(path: string, text: string, start: number, size: number): SafeHeader {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw refuse(path, "its header is not JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw refuse(path, "its header is not a JSON object");
  const { __metadata__: metadata = {}, ...tensors } = json as Record<string, any>;
  const entries = new Map<string, SafeEntry>();
  for (const [name, value] of Object.entries(tensors)) {
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, any>;
    if (!Object.hasOwn(bytesPer, dtype))
      throw refuse(path, `tensor "${name}" has the unknown dtype ${JSON.stringify(dtype)}`);
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw refuse(path, `tensor "${name}" has no valid shape and offsets`);
    const bytes = shape.reduce((product, n) => product * n, bytesPer[dtype as SafeDtype]);
    const [begin, end] = [start + offsets[0]!, start + offsets[1]!];
    if (end - begin !== bytes || end > size) {
      throw refuse(
        path,
        `tensor "${name}" needs ${bytes} bytes at ${begin} of ${size}; the file is truncated or damaged`,
      );
    }
    entries.set(name, { dtype: dtype as SafeDtype, shape, begin, end });
  }
  return { entries, metadata };
}

/**
 * Reads every tensor of a safetensors file, or only `names`.
 * @throws UserError for a damaged file or a missing name (which lists what is there).
 */
export function readSafetensors(
  path: string,
  names?: readonly string[],
): { tensors: Map<string, HostTensor>; metadata: Record<string, string> } {
  const { entries, metadata } = readHeader(path);
  const file = open(path);
  try {
    const tensors = new Map<string, HostTensor>();
    for (const name of names ?? entries.keys()) tensors.set(name, readEntry(path, file, name, entries));
    return { tensors, metadata };
  } finally {
    closeSync(file);
  }
}

function readEntry(path: string, file: number, name: string, entries: Map<string, SafeEntry>): HostTensor {
  const entry = entries.get(name);
  if (!entry)
    throw refuse(
      path,
      `tensor "${name}" is missing; it holds ${[...entries.keys()].slice(0, 12).join(", ")}`,
    );
  const bytes = Buffer.alloc(entry.end - entry.begin);
  readSync(file, bytes, 0, bytes.length, entry.begin);
  return decode(entry.dtype, entry.shape, bytes);
}

/** Widens little-endian bytes of a dtype to float32 or int32. */
export function decode(dtype: SafeDtype, shape: number[], bytes: Buffer): HostTensor {
  const n = bytes.length / bytesPer[dtype];
  const view = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const float = (data: Float32Array): HostTensor => ({ shape, dtype: "float32", data });
  const int = (data: Int32Array): HostTensor => ({ shape, dtype: "int32", data });
  switch (dtype) {
    case "F32":
      return float(new Float32Array(view));
    case "F64":
      return float(Float32Array.from(new Float64Array(view)));
    case "F16":
      return float(Float32Array.from(new Uint16Array(view), halfToFloat));
    case "BF16": {
      // bfloat16 is the upper half of a float32
      const words = Uint32Array.from(new Uint16Array(view), (half) => half << 16);
      return float(new Float32Array(words.buffer));
    }
    case "I32":
      return int(new Int32Array(view));
    case "I64":
      return int(Int32Array.from({ length: n }, (_, i) => Number(bytes.readBigInt64LE(8 * i))));
    case "I16":
      return int(Int32Array.from(new Int16Array(view)));
    case "I8":
      return int(Int32Array.from(new Int8Array(view)));
    default:
      return int(Int32Array.from(new Uint8Array(view)));
  }
}

/** IEEE half precision to a number. */
export function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw refuse(path, `it cannot be opened (${(error as NodeJS.ErrnoException).code})`);
  }
}

function refuse(path: string, why: string): UserError {
  return new UserError(`${path} is not a readable safetensors file: ${why}; fetch or make it again`);
}
