import { UserError } from "../errors.js";

/** A recording, its channels averaged. */
export interface Recording {
  /** [frames], full scale is ±1. */
  samples: Float32Array;
  /** Frames a second. */
  rate: number;
  channels: number;
  bits: number;
  encoding: "integer" | "float";
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const RATES = { lowest: 8_000, highest: 384_000 };
const MAX_CHANNELS = 8;
/** Of one utterance: minutes of any usual format. */
export const MAX_UTTERANCE_BYTES = 32 * 2 ** 20;

type Read = (at: number) => number;

/** Full scale is 2^(bits − 1) for both signs, as in libsndfile and torchaudio. */
function sampleReader(encoding: number, bits: number, bytes: Buffer): Read | undefined {
  if (encoding === PCM) {
    if (bits === 8) return (at) => (bytes[at]! - 128) / 128;
    if (bits === 16) return (at) => bytes.readInt16LE(at) / 2 ** 15;
    if (bits === 24) return (at) => bytes.readIntLE(at, 3) / 2 ** 23;
    if (bits === 32) return (at) => bytes.readInt32LE(at) / 2 ** 31;
  }
  if (encoding === FLOAT) {
    if (bits === 32) return (at) => bytes.readFloatLE(at);
    if (bits === 64) return (at) => bytes.readDoubleLE(at);
  }
  return undefined;
}

/**
 * Reads a RIFF WAVE file: 8, 16, 24 or 32-bit integers, 32 or 64-bit floats, up to eight channels. The npm decoders were
 * tried first: they take a truncated file for a shorter one, scale both signs differently, or believe block sizes.
 * @param name what errors begin with.
 * @throws UserError for a truncated or damaged file and for other encodings.
 */
export function readWav(bytes: Buffer, name: string): Recording {
  const refuse = (why: string, remedy = "save it again as 16-bit PCM") =>
    new UserError(`${name}: not a readable WAV file: ${why}; ${remedy}`);
  if (
    bytes.length < 12 ||
    bytes.toString("latin1", 0, 4) !== "RIFF" ||
    bytes.toString("latin1", 8, 12) !== "WAVE"
  )
    throw refuse("it does not begin with RIFF and WAVE");
  const { format, data } = findChunks(bytes, refuse);
  if (!format || format.length < 16) throw refuse("it has no format chunk before its data");
  if (!data) throw refuse("it has no data chunk; it is truncated");

  const tag = format.readUInt16LE(0);
  const channels = format.readUInt16LE(2);
  const rate = format.readUInt32LE(4);
  const bits = format.readUInt16LE(14);
  const encoding = tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag;
  const read = sampleReader(encoding, bits, data);
  if (!read) throw refuse(`encoding ${encoding} with ${bits} bits is not read`);
  if (channels < 1 || channels > MAX_CHANNELS) throw refuse(`it claims ${channels} channels`);
  if (rate < RATES.lowest || rate > RATES.highest)
    throw refuse(
      `it claims ${rate} Hz`,
      `${RATES.lowest} to ${RATES.highest} Hz are read: save it again at 16000 Hz`,
    );
  const width = bits / 8;
  const frame = width * channels;
  if (format.readUInt16LE(12) !== frame)
    throw refuse(`a frame is said to be ${format.readUInt16LE(12)} bytes and must be ${frame}`);
  const frames = Math.floor(data.length / frame);
  if (frames === 0) throw refuse("it holds no samples");

  const samples = new Float32Array(frames);
  for (let i = 0; i < frames; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += read(i * frame + channel * width);
    if (!Number.isFinite(sum)) throw refuse(`frame ${i} is not finite`);
    samples[i] = sum / channels;
  }
  return { samples, rate, channels, bits, encoding: encoding === FLOAT ? "float" : "integer" };
}

function findChunks(bytes: Buffer, refuse: (why: string) => Error): { format?: Buffer; data?: Buffer } {
  let format: Buffer | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const begin = at + 8;
    const end = begin + size;
    if ((id === "fmt " || id === "data") && end > bytes.length)
      throw refuse(`its ${id.trim()} chunk claims ${size} bytes of ${bytes.length - begin}; it is truncated`);
    if (id === "fmt ") format = bytes.subarray(begin, end);
    if (id === "data") return { ...(format && { format }), data: bytes.subarray(begin, end) };
    // chunks are padded to even sizes
    at = end + (size % 2);
  }
  return format ? { format } : {};
}
