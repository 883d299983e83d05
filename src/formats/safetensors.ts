import { crc32 } from "node:zlib";
import { Float16Array } from "@petamoriken/float16";
import { UserError } from "../errors.js";
import { refuseImpostor } from "./impostor.js";
import { fileSize, readPieces, readRange } from "./read-range.js";

/** Bytes of one element of each dtype that can be read. */
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

/** Bits of one element of the format's other dtypes: their tensors are listed, and refused by name when they are read. */
const otherBits = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E4M3: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2: 8,
  F8_E5M2FNUZ: 8,
  F8_E8M0: 8,
  U16: 16,
  U32: 32,
  U64: 64,
  C64: 64,
} as const;
export type StoredDtype = SafeDtype | keyof typeof otherBits;
const isReadable = (dtype: string): dtype is SafeDtype => Object.hasOwn(bytesPer, dtype);
const isOther = (dtype: string): dtype is keyof typeof otherBits => Object.hasOwn(otherBits, dtype);

/** Where a tensor lies in its file: absolute byte range, shape and dtype. */
export interface SafeEntry {
  dtype: StoredDtype;
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
  refuseImpostor(path);
  const size = fileSize(path);
  if (size < 8) throw refuse(path, `${size} bytes are too few for a header`);
  const length = Number(readRange(path, 0, 8).readBigUInt64LE());
  if (length > MAX_HEADER || 8 + length > size)
    throw refuse(path, otherFormat(path) ?? `its header of ${length} bytes does not fit in ${size} bytes`);
  return parseHeader(path, readRange(path, 8, 8 + length).toString("utf8"), 8 + length, size);
}

/** Files of tensors that go by a wrong name. */
function otherFormat(path: string): string | undefined {
  const head = readRange(path, 0, 8).toString("latin1");
  if (head.startsWith("PK")) return "it is PyTorch's zip: call it pytorch_model.bin";
  if (head.startsWith("GGUF")) return "it is llama.cpp's GGUF: take the safetensors that it was made from";
  if (head.startsWith("\x80"))
    return "it is a pickle, as PyTorch wrote before 1.6: call it pytorch_model.bin";
  return undefined;
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
  if (!isTextRecord(metadata)) throw refuse(path, "its metadata is not a record of texts");
  const entries = new Map<string, SafeEntry>();
  for (const [name, value] of Object.entries(tensors)) {
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, any>;
    const bits = isReadable(dtype) ? 8 * bytesPer[dtype] : isOther(dtype) ? otherBits[dtype] : undefined;
    if (!bits)
      throw refuse(path, `tensor ${JSON.stringify(name)} has the unknown dtype ${JSON.stringify(dtype)}`);
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw refuse(path, `tensor ${JSON.stringify(name)} has no valid shape and offsets`);
    const bytes = shape.reduce((product, n) => product * n, bits) / 8;
    const [begin, end] = [start + offsets[0]!, start + offsets[1]!];
    if (end - begin !== bytes || end > size) {
      throw refuse(
        path,
        `tensor ${JSON.stringify(name)} needs ${bytes} bytes at ${begin} of ${size}; the file is truncated` +
          (end > size ? ", as an unfinished download is" : " or damaged"),
      );
    }
    entries.set(name, { dtype, shape, begin, end });
  }
  refuseOverlap(path, entries);
  return { entries, metadata };
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string")
  );
}

/** Overlapping ranges are forbidden by the format; they would let a small file stand for any amount of memory. */
function refuseOverlap(path: string, entries: Map<string, SafeEntry>): void {
  const byPosition = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const [name, { begin, end }] of byPosition) {
    if (begin < reached) throw refuse(path, `tensor ${JSON.stringify(name)} lies over another one`);
    reached = end;
  }
}

/**
 * Reads every tensor of a safetensors file, or only `names`. Where all are read, a checksum among the metadata must fit.
 * @throws UserError for a damaged file or a missing name (which lists what is there).
 */
export function readSafetensors(
  path: string,
  names?: readonly string[],
): { tensors: Map<string, HostTensor>; metadata: Record<string, string> } {
  const { entries, metadata } = readHeader(path);
  if (!names && metadata.crc32 !== undefined) checkCrc(path, entries, metadata.crc32);
  const tensors = new Map<string, HostTensor>();
  for (const name of names ?? entries.keys()) {
    const entry = entries.get(name);
    if (!entry) {
      const present = [...entries.keys()].slice(0, 12).join(", ");
      throw refuse(path, `tensor ${JSON.stringify(name)} is missing; it holds ${present}`);
    }
    tensors.set(name, readEntry(path, entry));
  }
  return { tensors, metadata };
}

function checkCrc(path: string, entries: SafeHeader["entries"], crc: string): void {
  const ranges = [...entries.values()].sort((a, b) => a.begin - b.begin);
  if (crcOf(ranges.map(({ begin, end }) => readRange(path, begin, end))) !== crc)
    throw refuse(path, "its checksum does not fit");
}

type Named = readonly [name: string, tensor: { shape: readonly number[]; data: Float32Array }];

/** Over the bytes of all tensors in the order of the file. */
const crcOf = (parts: Iterable<Uint8Array>) => {
  let crc = 0;
  for (const part of parts) crc = crc32(part, crc);
  return crc.toString(16);
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Metadata of a file of these tensors by which {@link readSafetensors} sees damage. */
export const checksumOf = (tensors: readonly Named[]) => ({
  crc32: crcOf(tensors.map(([, { data }]) => bytesOf(data))),
});

/** The bytes of a file of float32 tensors, in the order given. */
export const safetensorsOf = (tensors: Iterable<Named>, metadata?: Record<string, string>): Buffer =>
  Buffer.concat([...safetensorsParts([...tensors], metadata)]);

/** The same one after the other: the header, then each tensor where it lies. */
export function* safetensorsParts(
  tensors: readonly Named[],
  metadata: Record<string, string> = {},
): Generator<Uint8Array> {
  const entries = tensors.map(([name, { shape }]) => ({ name, shape, dtype: "F32" as const }));
  yield safetensorsHeader(entries, metadata);
  for (const [, { data }] of tensors) yield bytesOf(data);
}

/** What a file of these tensors, which follow in this order, begins with. */
export function safetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype: SafeDtype }[],
  metadata: Record<string, string> = {},
): Buffer {
  const header: Record<string, unknown> = Object.keys(metadata).length ? { __metadata__: metadata } : {};
  let end = 0;
  for (const { name, shape, dtype } of tensors) {
    const bytes = shape.reduce((a, b) => a * b, bytesPer[dtype]);
    header[name] = { dtype, shape, data_offsets: [end, (end += bytes)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc(-json.length & 7, " ")]); // tensors begin at a multiple of 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

/** Reads one tensor of a file whose header is known. @throws UserError for a dtype that is only listed. */
export function readEntry(path: string, { dtype, shape, begin, end }: SafeEntry): HostTensor {
  if (!isReadable(dtype))
    throw new UserError(`${path} holds a tensor of ${dtype}, which is not computed with; convert it to F32`);
  return decode(dtype, shape, readRange(path, begin, end));
}

/** Values that are widened at a time. */
const PIECE = 2 ** 22;

/** Reads one float tensor of a file whose header is known into an array of as many values, holding a piece of it at a time. */
export function readEntryInto(path: string, { dtype, begin, end }: SafeEntry, values: Float32Array): void {
  const width = bytesPer[dtype as FloatDtype];
  let at = 0;
  for (const bytes of readPieces(path, begin, end, PIECE * width)) {
    const count = bytes.length / width;
    widen(dtype as FloatDtype, bytes, values.subarray(at, at + count));
    at += count;
  }
}

type FloatDtype = "F64" | "F32" | "F16" | "BF16";

/** Little-endian bytes of floats, aligned as these are, to as many float32. */
function widen(dtype: FloatDtype, { buffer, byteOffset }: Buffer, values: Float32Array): void {
  const n = values.length;
  if (dtype === "F64") return values.set(new Float64Array(buffer, byteOffset, n));
  if (dtype === "F32") return values.set(new Float32Array(buffer, byteOffset, n));
  const halves = new Uint16Array(buffer, byteOffset, n);
  if (dtype === "F16") for (let i = 0; i < n; i++) values[i] = halfValues[halves[i]!]!;
  else {
    // bfloat16 is the upper half of a float32
    const words = new Uint32Array(values.buffer, values.byteOffset, n);
    for (let i = 0; i < n; i++) words[i] = halves[i]! << 16;
  }
}

/**
 * Widens little-endian bytes of a dtype to float32 or int32; float32 and int32 share the memory of `bytes` where they can.
 * @throws UserError for a 64-bit integer beyond 32 bits.
 */
export function decode(dtype: SafeDtype, shape: number[], bytes: Buffer): HostTensor {
  const n = bytes.length / bytesPer[dtype];
  const aligned =
    bytes.byteOffset % bytesPer[dtype] === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
  const view = <T>(make: new (buffer: ArrayBufferLike, offset: number, length: number) => T): T =>
    new make(aligned.buffer, aligned.byteOffset, n);
  const float = (data: Float32Array): HostTensor => ({ shape, dtype: "float32", data });
  const int = (data: Int32Array): HostTensor => ({ shape, dtype: "int32", data });
  switch (dtype) {
    case "F32":
      return float(view(Float32Array));
    case "F64":
    case "F16":
    case "BF16": {
      const data = new Float32Array(n);
      widen(dtype, aligned, data);
      return float(data);
    }
    case "I32":
      return int(view(Int32Array));
    case "I64":
      return int(Int32Array.from({ length: n }, (_, i) => narrow(bytes.readBigInt64LE(8 * i))));
    case "I16":
      return int(new Int32Array(view(Int16Array)));
    case "I8":
      return int(new Int32Array(view(Int8Array)));
    default:
      return int(new Int32Array(view(Uint8Array)));
  }
}

function narrow(value: bigint): number {
  if (BigInt.asIntN(32, value) !== value)
    throw new UserError(
      `the integer ${value} does not fit in 32 bits; store it as a float or a smaller integer`,
    );
  return Number(value);
}

/** Every half by its bits: reading from a table is far faster than through the package's arrays. */
const halfValues = new Float32Array(
  new Float16Array(Uint16Array.from({ length: 0x10000 }, (_, half) => half).buffer),
);

function refuse(path: string, why: string): UserError {
  return new UserError(`${path} is not a readable safetensors file: ${why}; fetch or make it again`);
}
