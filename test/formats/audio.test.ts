import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readRecording } from "#src/formats/audio.js";
import { wavBytes } from "#src/fuzz/samples.js";
import { refusal } from "../support/files.js";

const folder = "test/fixtures/recordings";
const recording = (name: string) => readFileSync(`${folder}/${name}.wav`);

/** What libsndfile reads; of IMA ADPCM it adds shifts one by one where the decoder here, as ffmpeg, shifts once. */
const written: [string, string, number, number][] = [
  ["mu-law", "µ-law", 8, 0],
  ["a-law", "A-law", 8, 0],
  ["ima-adpcm", "IMA ADPCM", 4, 6e-4],
  ["ms-adpcm", "MS ADPCM", 4, 0],
  ["rf64", "integer", 16, 0],
  ["flac-16", "FLAC", 16, 0],
  ["flac-24", "FLAC", 24, 0],
];
for (const [name, encoding, bits, tolerance] of written)
  test(`${name} is read as libsndfile reads it`, async () => {
    const read = await readRecording(recording(name), `${name}.wav`);
    const bytes = readFileSync(`${folder}/${name}.f32`);
    const expected = new Float32Array(new Uint8Array(bytes).buffer).subarray(0, read.samples.length);
    assert.ok(read.samples.length >= 300);
    const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - read.samples[i]!)), 0);
    assert.ok(worst <= tolerance, `${worst}`);
    assert.deepEqual([read.encoding, read.bits, read.rate], [encoding, bits, 16_000]);
  });

const flac = recording("flac-16");
const changed = (at: number, value: number) => {
  const bytes = Buffer.from(flac);
  bytes[at] = value;
  return bytes;
};
const bad: [string, Buffer, RegExp][] = [
  [
    "a cut FLAC file",
    flac.subarray(0, flac.length - 20),
    /^a.wav: not a readable FLAC file: .*; it is truncated or damaged/,
  ],
  ["a FLAC header alone", flac.subarray(0, 30), /does not begin with its description/],
  ["a changed FLAC frame", changed(flac.length - 60, 1), /not a readable FLAC file/],
  ["a false MD5", changed(30, flac[30]! ^ 1), /its samples do not have its MD5/],
  [
    "MP3 under this name",
    Buffer.from("ID3\x04 and more"),
    /^a.wav is an MP3 file, .*; convert it: ffmpeg -i/,
  ],
  ["MP3 without a tag", Buffer.from("\xff\xfb\x90\x00", "latin1"), /is an MP3 file/],
  ["Ogg", Buffer.from("OggS and so on, long enough"), /^a.wav is an Ogg file \(Vorbis or Opus\)/],
  ["M4A", Buffer.from("\0\0\0\x20ftypM4A "), /is an MP4 or M4A file/],
  ["Wave64", Buffer.from("riff\x2e\x91\xcf\x11", "latin1"), /is a Wave64 file/],
  ["SPHERE", Buffer.from("NIST_1A\n   1024\n"), /is a NIST SPHERE file/],
  [
    "a git-LFS pointer",
    Buffer.from("version https://git-lfs.github.com/spec/v1\nsize 9\n"),
    /`git lfs pull`/,
  ],
  ["a web page", Buffer.from("<!DOCTYPE html>"), /^a.wav is an HTML page/],
  ["nothing", Buffer.alloc(0), /^a.wav is empty/],
  ["a cut WAV", wavBytes([[0, 1]], 16_000, 16).subarray(0, -1), /it is truncated/],
];
for (const [what, bytes, why] of bad)
  test(`${what} is refused by name`, async () => {
    await assert.rejects(readRecording(bytes, "a.wav"), refusal(why));
  });
