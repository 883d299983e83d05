import { FLACDecoder } from "@wasm-audio-decoders/flac";
import { createHash } from "node:crypto";
import { UserError } from "../errors.js";
import { averaged, checkRecording, type Recording } from "./recording.js";

/** The stream's description follows the mark and a block header (RFC 9639). */
const INFO = { begin: 8, end: 42 };

/**
 * Reads a FLAC file of 8, 16 or 24 bits. The decoder divides by 2^(bits − 1) − 1; whole numbers are taken from that, held against the
 * file's MD5, and scaled as those of a WAV file.
 * @param name what errors begin with.
 * @throws UserError for a truncated or damaged file.
 */
export async function readFlac(bytes: Buffer, name: string): Promise<Recording> {
  const refuse = (why: string, remedy = "save it again as 16-bit WAV") =>
    new UserError(`${name}: not a readable FLAC file: ${why}; ${remedy}`);
  if (bytes.length < INFO.end || (bytes[4]! & 0x7f) !== 0)
    throw refuse("it does not begin with its description");
  // 20 bits of rate, 3 of channels, 5 of bits, 36 of frames
  const packed = bytes.readBigUInt64BE(INFO.begin + 10);
  const rate = Number(packed >> 44n);
  const channels = Number((packed >> 41n) & 7n) + 1;
  const bits = Number((packed >> 36n) & 31n) + 1;
  const frames = Number(packed & 0xfffffffffn);
  checkRecording({ channels, rate }, refuse);
  if (bits % 8 || bits > 24) throw refuse(`${bits} bits are not read`);

  const planes = await decoded(bytes, refuse);
  const got = planes[0]?.length ?? 0;
  if (planes.length !== channels || got === 0 || (frames && got !== frames))
    throw refuse(`it holds ${got} of ${frames || "its"} frames; it is truncated or damaged`);
  const peak = 2 ** (bits - 1) - 1;
  for (const plane of planes) for (let i = 0; i < got; i++) plane[i] = Math.round(plane[i]! * peak);
  const sum = bytes.toString("hex", INFO.end - 16, INFO.end);
  // zeros stand for a sum that was not made
  if (/[^0]/.test(sum) && sum !== md5(planes, bits / 8)) throw refuse("its samples do not have its MD5");
  for (const plane of planes) for (let i = 0; i < got; i++) plane[i]! /= 2 ** (bits - 1);
  return { samples: averaged(planes, refuse), rate, channels, bits, encoding: "FLAC" };
}

async function decoded(bytes: Buffer, refuse: (why: string) => Error): Promise<Float32Array[]> {
  const decoder = new FLACDecoder();
  await decoder.ready;
  try {
    const { channelData, errors } = await decoder.decodeFile(bytes);
    if (errors[0]) throw refuse(`${errors[0].message} in frame ${errors[0].frameNumber}`);
    return channelData;
  } finally {
    decoder.free();
  }
}

/** Of whole numbers, interleaved, little-endian. */
function md5(planes: Float32Array[], width: number): string {
  const frames = planes[0]!.length;
  const bytes = Buffer.alloc(frames * planes.length * width);
  for (let i = 0, at = 0; i < frames; i++)
    for (const plane of planes) at = bytes.writeIntLE(plane[i]!, at, width);
  return createHash("md5").update(bytes).digest("hex");
}
