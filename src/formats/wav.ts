import { UserError } from "../errors.js";
import { averaged, checkRecording, CONVERT, type Recording } from "./recording.js";
import { findChunks } from "./wav-chunks.js";
import { expand } from "./wav-codecs.js";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** What other tags stand for, by RFC 2361. */
const otherTags: Record<number, string> = {
  0x31: "GSM 6.10",
  0x40: "G.721 ADPCM",
  0x45: "G.726 ADPCM",
  0x50: "MPEG",
  0x55: "MP3",
  0xff: "AAC",
  0x161: "WMA",
};

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
 * Reads a WAVE file: 8, 16, 24 or 32-bit integers, 32 or 64-bit floats, µ-law, A-law, IMA and Microsoft ADPCM, up to eight channels, in
 * RIFF, RF64 or BW64, also with the sizes that writers to pipes leave (see `findChunks`). The npm decoders were tried first: they take a
 * truncated file for a shorter one, scale both signs differently, or believe block sizes; for what is compressed one serves, behind the
 * checks of this.
 * @param name what errors begin with.
 * @throws UserError for a truncated or damaged file and for other encodings.
 */
export function readWav(bytes: Buffer, name: string): Recording {
  const refuse = (why: string, remedy = "save it again as 16-bit PCM") =>
    new UserError(`${name}: not a readable WAV file: ${why}; ${remedy}`);
  const { format, data, frames: told } = findChunks(bytes, refuse);
  if (!format || format.length < 16) throw refuse("it has no format chunk before its data");
  if (!data) throw refuse("it has no data chunk; it is truncated");

  const tag = format.readUInt16LE(0);
  const channels = format.readUInt16LE(2);
  const rate = format.readUInt32LE(4);
  const block = format.readUInt16LE(12);
  const bits = format.readUInt16LE(14);
  const encoding = tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag;
  checkRecording({ channels, rate }, refuse);
  const expanded = expand({ encoding, channels, rate, block, bits, format, data }, refuse);
  if (expanded) {
    const [{ length }] = expanded.channels as [Float32Array];
    // the last block is filled up
    const frames = told && told < length && length - told < expanded.blockFrames ? told : length;
    if (frames === 0) throw refuse("it holds no samples");
    const samples = averaged(
      expanded.channels.map((channel) => channel.subarray(0, frames)),
      refuse,
    );
    return { samples, rate, channels, bits, encoding: expanded.name };
  }
  const read = sampleReader(encoding, bits, data);
  if (!read)
    throw refuse(
      `encoding ${encoding}${otherTags[encoding] ? ` (${otherTags[encoding]})` : ""} with ${bits} bits is not read`,
      CONVERT,
    );
  const width = bits / 8;
  const frame = width * channels;
  if (block !== frame) throw refuse(`a frame is said to be ${block} bytes and must be ${frame}`);
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
