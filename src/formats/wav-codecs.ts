import decode from "@audio/decode-wav";
import type { Recording } from "./recording.js";

/** What a WAVE file's format chunk says, and its data. */
interface Coded {
  encoding: number;
  channels: number;
  rate: number;
  /** Bytes of a block. */
  block: number;
  bits: number;
  format: Buffer;
  data: Buffer;
}

interface Codec {
  name: Recording["encoding"];
  bits: number;
  maxChannels: number;
  /** Frames in a block of so many bytes a channel. */
  frames: (bytes: number) => number;
}

const g711 = { bits: 8, maxChannels: 8, frames: (bytes: number) => (bytes === 1 ? 1 : NaN) };
const codecs: Record<number, Codec> = {
  0x02: { name: "MS ADPCM", bits: 4, maxChannels: 2, frames: (bytes) => 2 + 2 * (bytes - 7) },
  0x06: { name: "A-law", ...g711 },
  0x07: { name: "µ-law", ...g711 },
  0x11: { name: "IMA ADPCM", bits: 4, maxChannels: 8, frames: (bytes) => 1 + 2 * (bytes - 4) },
};
const MS_ADPCM = 0x02;
/** Bytes of a format chunk with the size of its extension and the frames of a block. */
const EXTENDED = 20;

/**
 * Expands µ-law, A-law, IMA and Microsoft ADPCM; a last block that is not whole is dropped. G.711 and Microsoft's are libsndfile's numbers,
 * IMA's are ffmpeg's (one product for the sum of shifts, up to 6e-4 from libsndfile).
 * @returns undefined for any other encoding; `channels` [channels][frames], full scale ±1
 * @throws what `refuse` makes, for blocks that do not fit the encoding.
 */
export function expand(
  { encoding, channels, rate, block, bits, format, data }: Coded,
  refuse: (why: string) => Error,
): { name: Recording["encoding"]; channels: Float32Array[]; blockFrames: number } | undefined {
  const codec = Object.hasOwn(codecs, encoding) ? codecs[encoding]! : undefined;
  if (!codec) return undefined;
  const most = codec.frames(block / channels);
  const given = codec.bits === 4 && format.length >= EXTENDED ? format.readUInt16LE(EXTENDED - 2) : 0;
  const blockFrames = given || most;
  if (bits !== codec.bits || channels > codec.maxChannels)
    throw refuse(`${codec.name} with ${bits} bits and ${channels} channels is not read`);
  if (!Number.isInteger(most) || blockFrames < 1 || blockFrames > Math.min(most, 0xffff))
    throw refuse(`${codec.name} cannot have ${blockFrames} frames in a block of ${block} bytes`);
  const whole = data.subarray(0, data.length - (data.length % block));
  if (whole.length === 0) throw refuse("it holds no samples");
  // written anew: what the library believes has been checked
  const predictors = encoding === MS_ADPCM ? predictorsOf(format, refuse) : Buffer.alloc(0);
  const head = Buffer.alloc(EXTENDED);
  [encoding, channels].forEach((value, i) => head.writeUInt16LE(value, 2 * i));
  head.writeUInt32LE(rate, 4);
  [block, bits, predictors.length + 2, blockFrames].forEach((value, i) =>
    head.writeUInt16LE(value, 12 + 2 * i),
  );
  const body = [Buffer.from("WAVE"), chunk("fmt ", head, predictors), chunk("data", whole)];
  const decoded = decode(chunk("RIFF", ...body));
  return { name: codec.name, channels: decoded.channelData, blockFrames: codec.bits === 4 ? blockFrames : 1 };
}

/** Number and pairs of Microsoft ADPCM's coefficients; none stand for the usual seven. */
function predictorsOf(format: Buffer, refuse: (why: string) => Error): Buffer {
  const count = format.length >= EXTENDED + 2 ? format.readUInt16LE(EXTENDED) : 0;
  const end = EXTENDED + 2 + 4 * count;
  if (count > 256 || (count && end > format.length))
    throw refuse(`its format chunk lacks ${count} coefficients`);
  return count ? format.subarray(EXTENDED, end) : Buffer.alloc(2);
}

function chunk(id: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}
