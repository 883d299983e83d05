import { UserError } from "../errors.js";
import { IMPOSTOR_HEAD, impostorOf } from "./impostor.js";
import { CONVERT, type Recording } from "./recording.js";
import { readWav } from "./wav.js";

/** Bytes at a place that tell a format which is not read. */
const others: [at: number, bytes: string, kind: string][] = [
  [0, "ID3", "an MP3 file"],
  [0, "\xff\xfb", "an MP3 file"],
  [0, "\xff\xf3", "an MP3 file"],
  [0, "\xff\xf2", "an MP3 file"],
  [0, "\xff\xf1", "an AAC file"],
  [0, "\xff\xf9", "an AAC file"],
  [0, "OggS", "an Ogg file (Vorbis or Opus)"],
  [4, "ftyp", "an MP4 or M4A file"],
  [0, "FORM", "an AIFF file"],
  [0, ".snd", "an AU file"],
  [0, "caff", "a CAF file"],
  [0, "NIST_1A", "a NIST SPHERE file"],
  [0, "riff\x2e\x91\xcf\x11", "a Wave64 file"],
  [0, "RIFX", "a big-endian WAV file"],
  [0, "#!AMR", "an AMR file"],
  [0, "\x30\x26\xb2\x75", "a WMA file"],
  [0, "\x1a\x45\xdf\xa3", "a WebM or Matroska file"],
  [0, "wvpk", "a WavPack file"],
];

/**
 * Reads a recording: WAV or FLAC, told by its first bytes whatever its name.
 * @param name what errors begin with.
 * @throws UserError for a truncated or damaged file, and for other formats, which it names.
 */
export async function readRecording(bytes: Buffer, name: string): Promise<Recording> {
  const begins = (at: number, text: string) => bytes.toString("latin1", at, at + text.length) === text;
  if (begins(0, "fLaC")) {
    const { readFlac } = await import("./flac.js"); // with its decoder, which other recordings do without
    return readFlac(bytes, name);
  }
  const other = others.find(([at, text]) => begins(at, text))?.[2];
  if (other) throw new UserError(`${name} is ${other}, which is not read, whatever its name; ${CONVERT}`);
  const impostor = impostorOf(bytes.subarray(0, IMPOSTOR_HEAD), bytes.length);
  if (impostor) throw new UserError(`${name} ${impostor}`);
  return readWav(bytes, name);
}
