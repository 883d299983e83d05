import { crc32, deflateRawSync } from "node:zlib";
import { Header } from "tar";

/** Small valid files, from which the fuzzer starts and tests build their trees. */

export interface NamedBytes {
  name: string;
  bytes: Buffer;
}

/** A WAV file of [channels][frames] in ±1. */
export function wavBytes(channels: number[][], rate: number, bits: 8 | 16 | 24 | 32, float = false): Buffer {
  const width = bits / 8;
  const frames = channels[0]!.length;
  const data = Buffer.alloc(frames * channels.length * width);
  const scale = 2 ** (bits - 1);
  const whole = (value: number) => Math.max(-scale, Math.min(scale - 1, Math.round(value * scale)));
  for (let frame = 0, at = 0; frame < frames; frame++)
    for (const channel of channels) {
      const value = channel[frame]!;
      if (float) at = data.writeFloatLE(value, at);
      else if (bits === 8) at = data.writeUInt8(whole(value) + 128, at);
      else at = data.writeIntLE(whole(value), at, width);
    }
  return codedWavBytes(float ? 3 : 1, channels.length, rate, channels.length * width, bits, data);
}

/** A WAV file of any encoding; `extension` are the 16-bit words after the first 16 bytes of its format. */
export function codedWavBytes(
  tag: number,
  channels: number,
  rate: number,
  block: number,
  bits: number,
  data: Buffer,
  extension: number[] = [],
): Buffer {
  const format = Buffer.alloc(16 + 2 * extension.length);
  format.writeUInt16LE(tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(rate * block, 8);
  [block, bits, ...extension].forEach((value, i) => format.writeUInt16LE(value, 12 + 2 * i));
  const body = Buffer.concat([Buffer.from("WAVE"), riffChunk("fmt ", format), riffChunk("data", data)]);
  return riffChunk("RIFF", body);
}

/** The same WAV with the sizes that a writer to a pipe leaves. */
export function streamedWavBytes(wav: Buffer): Buffer {
  const bytes = Buffer.from(wav);
  for (const at of [4, 40]) bytes.writeUInt32LE(0xffffffff, at);
  return bytes;
}

/** A FLAC file of 40 frames at 16 kHz, 16 bits, as libFLAC writes it. */
export const flacBytes = (): Buffer =>
  Buffer.from(
    "ZkxhQ4AAACIQABAAAAA7AAA7A+gA8AAAACj51X5Cy6PT3jtlkxWBtgnn//hlCAAnAEYAABTxJ5M127QazbUYN5aAqxBX+7LzU7KX/s/DgkPDo0KF21/pOUnZmYsUMXTwoPDoIuk=",
    "base64",
  );

export function riffChunk(id: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

/** A tar; `type` and `link` make what safe readers refuse. */
export function tarBytes(
  files: (NamedBytes & { type?: "File" | "SymbolicLink" | "Link" | "Directory"; link?: string })[],
): Buffer {
  const blocks = files.map(({ name, bytes, type = "File", link }) => {
    const header = new Header({
      path: name,
      size: bytes.length,
      type,
      mode: 0o644,
      mtime: new Date(0),
      linkpath: link ?? "",
    });
    header.encode();
    return Buffer.concat([header.block!, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A zip of deflated or stored entries; `mode` is the Unix mode, which marks links; `wide` uses the 64-bit fields. */
export function zipBytes(files: (NamedBytes & { mode?: number; stored?: boolean })[], wide = false): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, mode = 0o100644, stored = false } of files) {
    const packed = stored ? bytes : deflateRawSync(bytes);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, path, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const extra = wide ? zip64Extra(common, rest, [bytes.length, packed.length, offset]) : Buffer.alloc(0);
    // made by Unix, so that the mode counts
    central.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, rest, path, extra]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(wide ? 0xffffffff : offset, 16);
  const wideEnd = wide ? zip64End(files.length, directory.length, offset) : Buffer.alloc(0);
  return Buffer.concat([...locals, directory, wideEnd, end]);
}

/** Moves sizes and offset of a central entry into its extra field. */
function zip64Extra(common: Buffer, rest: Buffer, values: number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  common.writeUInt16LE(extra.length, 24);
  common.writeUInt32LE(0xffffffff, 14);
  common.writeUInt32LE(0xffffffff, 18);
  rest.writeUInt32LE(0xffffffff, 10);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return extra;
}

function zip64End(entries: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(56);
  record.write("PK\x06\x06", "latin1");
  record.writeBigUInt64LE(44n, 4);
  [entries, entries, size, offset].forEach((value, i) => record.writeBigUInt64LE(BigInt(value), 24 + 8 * i));
  const locator = Buffer.alloc(20);
  locator.write("PK\x06\x07", "latin1");
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator]);
}

/** A safetensors file of one tensor a name; data are zeros. */
export function safetensorsBytes(
  tensors: Record<string, { dtype: string; shape: number[]; bytes: number }>,
): Buffer {
  let offset = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
      const begin = offset;
      offset += bytes;
      return [name, { dtype, shape, data_offsets: [begin, offset] }];
    }),
  );
  const text = Buffer.from(JSON.stringify({ __metadata__: { about: "{}" }, ...header }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(offset)]);
}

/** The pickle of `torch.save({"a": …, "b": …})` in protocol 2: an OrderedDict of two float32 tensors, [2, 3] and [4]. */
export function pickleBytes(): Buffer {
  const short = (text: string) =>
    Buffer.concat([Buffer.from([0x58, text.length, 0, 0, 0]), Buffer.from(text)]);
  const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);
  const whole = (n: number) => Buffer.from([0x4b, n]);
  const [mark, tuple, reduce] = [Buffer.from("("), Buffer.from("t"), Buffer.from("R")];
  const dictionary = [global("collections", "OrderedDict"), Buffer.from(")R")];
  const tensor = (key: string, shape: number[], strides: number[]) => [
    short(key),
    global("torch._utils", "_rebuild_tensor_v2"),
    mark,
    mark,
    ...[short("storage"), global("torch", "FloatStorage"), short(key === "a" ? "0" : "1"), short("cpu")],
    ...[whole(shape.reduce((product, n) => product * n)), tuple, Buffer.from("Q"), whole(0)],
    ...[mark, ...shape.map(whole), tuple, mark, ...strides.map(whole), tuple],
    ...[Buffer.from([0x89]), ...dictionary, tuple, reduce],
  ];
  return Buffer.concat([
    Buffer.from([0x80, 2]),
    ...dictionary,
    mark,
    ...tensor("a", [2, 3], [3, 1]),
    ...tensor("b", [4], [1]),
    Buffer.from("u."),
  ]);
}

/** A PyTorch checkpoint around a pickle: the archive that `torch.save` writes. */
export function pytorchBytes(pickle: Buffer, wide = false): Buffer {
  const entries = {
    "data.pkl": pickle,
    "data/0": Buffer.alloc(24),
    "data/1": Buffer.alloc(16),
    version: Buffer.from("3\n"),
  };
  return zipBytes(
    Object.entries(entries).map(([name, bytes]) => ({ name: `archive/${name}`, bytes, stored: true })),
    wide,
  );
}

/** A pickle as Python 2 wrote CIFAR-100's Python version: lists of labels and an array of bytes, [labels, 3072], each row its index. */
export function cifarPickleBytes(fine: number[]): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([0x55, value.length]), Buffer.from(value)]);
  const list = (items: Buffer[]) => Buffer.concat([Buffer.from("]("), ...items, Buffer.from("e")]);
  const whole = (n: number) => Buffer.from([0x4b, n]);
  const word = (code: number, n: number) => {
    const bytes = Buffer.from([code, 0, 0, 0, 0]);
    bytes.writeInt32LE(n, 1);
    return bytes;
  };
  const rows = fine.map((_, row) => Buffer.alloc(3072, row));
  const dtype = [
    Buffer.from("cnumpy\ndtype\n"),
    text("u1"),
    whole(0),
    whole(1),
    Buffer.from("\x87R(", "latin1"),
  ];
  return Buffer.concat([
    Buffer.from("\x80\x02}q\x01(", "latin1"),
    ...[text("filenames"), list(fine.map(() => text("some.png")))],
    ...[
      text("fine_labels"),
      list(fine.map(whole)),
      text("coarse_labels"),
      list(fine.map((_, row) => whole(row % 20))),
    ],
    ...[text("data"), Buffer.from("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"), whole(0)],
    ...[Buffer.from([0x85]), text("b"), Buffer.from("\x87R(", "latin1"), whole(1)],
    ...[
      whole(fine.length),
      Buffer.from([0x4d, 0, 12, 0x86]),
      ...dtype,
      whole(3),
      text("|"),
      Buffer.from("NNN"),
    ],
    ...[word(0x4a, -1), word(0x4a, -1), whole(0), Buffer.from("tb\x89", "latin1")],
    ...[word(0x54, 3072 * fine.length), ...rows, Buffer.from("tbu.")],
  ]);
}
