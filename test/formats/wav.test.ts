import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readWav } from "#src/formats/wav.js";
import { codedWavBytes, riffChunk, wavBytes } from "#src/fuzz/samples.js";
import { refusal } from "../support/files.js";

const values = [0, 0.5, -0.5, -1, 0.25];

for (const [bits, float] of [
  [8, false],
  [16, false],
  [24, false],
  [32, false],
  [32, true],
] as const)
  test(`${bits}-bit ${float ? "float" : "integer"} samples are read exactly`, () => {
    const read = readWav(wavBytes([values], 16_000, bits, float), "a.wav");
    assert.deepEqual([...read.samples], values);
    assert.deepEqual([read.rate, read.channels, read.bits], [16_000, 1, bits]);
  });

test("64-bit floats and the extensible header are read", () => {
  const data = Buffer.alloc(16);
  data.writeDoubleLE(0.25, 8);
  const format = Buffer.alloc(40);
  format.writeUInt16LE(0xfffe, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(48_000, 4);
  format.writeUInt16LE(8, 12);
  format.writeUInt16LE(64, 14);
  format.writeUInt16LE(3, 24);
  const body = [
    Buffer.from("WAVE"),
    riffChunk("LIST", Buffer.from("odd")),
    riffChunk("fmt ", format),
    riffChunk("data", data),
  ];
  const read = readWav(riffChunk("RIFF", Buffer.concat(body)), "a.wav");
  assert.deepEqual([...read.samples], [0, 0.25]);
  assert.equal(read.encoding, "float");
});

test("channels are averaged", () => {
  const { samples, channels } = readWav(
    wavBytes(
      [
        [0.5, 0],
        [0.25, -1],
      ],
      48_000,
      24,
    ),
    "a.wav",
  );
  assert.deepEqual([...samples], [0.375, -0.5]);
  assert.equal(channels, 2);
});

const good = wavBytes([values], 16_000, 16);
/** The good file with other sizes of the whole and of its data, and other bytes behind. */
const sized = (whole: number, data: number, ...behind: Buffer[]) => {
  const bytes = Buffer.concat([good, ...behind]);
  bytes.writeUInt32LE(whole, 4);
  bytes.writeUInt32LE(data, 40);
  return bytes;
};
const open = 0xffffffff;
const list = riffChunk("LIST", Buffer.from("INFO"));
const streamed: [string, Buffer][] = [
  ["ffmpeg's sizes", sized(open, open)],
  ["no sizes (GStreamer)", sized(0, 0)],
  ["no samples in the header (Python's wave)", sized(36, 0)],
  ["a size of the whole, none of the data", sized(good.length - 8, 0)],
  ["SoX's sizes", sized(0x7ffff024, 0x7ffff000)],
  ["LAME's sizes", sized(0x7fffffff, 0x7fffffff)],
  ["arecord's sizes", sized(0x80000024, 0x80000000)],
  ["sizes less a header", sized(open, open - 36)],
];
for (const [what, bytes] of streamed)
  test(`${what} stand for all that follows`, () => {
    assert.deepEqual([...readWav(bytes, "a.wav").samples], values);
    const half = Buffer.concat([bytes, Buffer.from([1])]);
    assert.deepEqual([...readWav(half, "a.wav").samples], values, "half a sample at the end");
  });

test("a file from a pipe is read to its end", () => {
  const { samples, rate } = readWav(readFileSync("test/fixtures/recordings/streamed.wav"), "streamed.wav");
  assert.deepEqual([samples.length, rate], [4_000, 16_000]);
  assert.ok(Math.max(...samples) > 0.4);
});

test("an odd chunk may lack its padding", () => {
  const odd = Buffer.concat([good.subarray(0, 36), Buffer.from("LIST\x03\0\0\0odd"), good.subarray(36)]);
  assert.deepEqual([...readWav(odd, "a.wav").samples], values);
});

/** 64-bit sizes, of the data and of nothing else. */
const wide = (id: string, data: bigint, bytes = sized(open, open)) => {
  const sizes = Buffer.alloc(28);
  sizes.writeBigUInt64LE(data, 8);
  const all = Buffer.concat([bytes.subarray(0, 12), riffChunk("ds64", sizes), bytes.subarray(12)]);
  all.write(id, "latin1");
  return all;
};

test("RF64 and BW64 have 64-bit sizes, or none yet", () => {
  for (const id of ["RF64", "BW64"])
    for (const size of [10n, 0n, 2n ** 64n - 1n])
      assert.deepEqual([...readWav(wide(id, size), "a.wav").samples], values, `${id} ${size}`);
  assert.deepEqual([...readWav(wide("RF64", 4n, sized(open, open, list)), "a.wav").samples], [0, 0.5]);
  assert.throws(
    () => readWav(wide("RF64", 12n), "a.wav"),
    refusal(/^a.wav: .*claims 12 bytes of 10; it is truncated/),
  );
});

const patched = (at: number, value: number) => {
  const bytes = Buffer.from(good);
  bytes.writeUInt16LE(value, at);
  return bytes;
};
/** 16 bytes of another encoding. */
const coded = (tag: number, channels: number, block: number, bits: number, ...extension: number[]) =>
  codedWavBytes(tag, channels, 16_000, block, bits, Buffer.alloc(16, 3), extension);

test("a block of ADPCM may say fewer frames, a last one that is not whole is dropped", () => {
  const frames = (bytes: Buffer) => readWav(bytes, "a.wav").samples.length;
  assert.equal(frames(coded(0x11, 1, 8, 4)), 18);
  assert.equal(frames(coded(0x11, 1, 8, 4, 2, 7)), 14);
  assert.equal(frames(coded(0x11, 2, 12, 4, 2, 5)), 5);
  assert.equal(frames(coded(2, 1, 8, 4)), 8);
  assert.equal(frames(coded(2, 2, 15, 4, 4, 3, 0)), 3);
});

// offsets of the canonical header: 20 encoding, 22 channels, 24 rate, 32 frame bytes, 34 bits, 40 data bytes
const bad: [string, Buffer, RegExp][] = [
  ["an empty file", Buffer.alloc(0), /does not begin with RIFF/],
  ["another format", Buffer.from("OggS and so on, long enough"), /does not begin with RIFF/],
  ["a truncated file", good.subarray(0, good.length - 3), /claims 10 bytes of 7; it is truncated/],
  ["a header alone", good.subarray(0, 36), /no data chunk/],
  [
    "data before their format",
    riffChunk("RIFF", Buffer.from("WAVEdata\x02\0\0\0\0\0", "latin1")),
    /no format chunk/,
  ],
  ["a header of more than there is", sized(good.length, 11), /claims 11 bytes of 10; it is truncated/],
  ["a large size that no writer to a pipe leaves", sized(open, 0x60000000), /it is truncated/],
  ["no samples before other chunks", sized(good.length - 8, 0).subarray(0, 44), /holds no samples/],
  ["an empty recording with a list", Buffer.concat([sized(52, 0).subarray(0, 44), list]), /holds no samples/],
  ["GSM", patched(20, 0x31), /encoding 49 \(GSM 6.10\) with 16 bits is not read; convert it: ffmpeg/],
  ["an unknown encoding", patched(20, 0x999), /encoding 2457 with 16 bits is not read; convert it/],
  ["ADPCM of 16 bits", patched(20, 0x11), /IMA ADPCM with 16 bits and 1 channels is not read/],
  ["µ-law in blocks", coded(7, 1, 2, 8), /µ-law cannot have .* in a block of 2 bytes/],
  ["ADPCM of three channels", coded(2, 3, 24, 4), /MS ADPCM with 4 bits and 3 channels/],
  ["more frames than a block holds", coded(0x11, 1, 8, 4, 2, 10), /cannot have 10 frames in a block of 8/],
  ["a block too small", coded(0x11, 1, 2, 4), /cannot have -3 frames in a block of 2 bytes/],
  ["a block that does not end", coded(0x11, 1, 32, 4), /holds no samples/],
  ["no coefficients", coded(2, 1, 8, 4, 32, 4, 7), /lacks 7 coefficients/],
  ["12-bit samples", patched(34, 12), /encoding 1 with 12 bits/],
  ["no channels", patched(22, 0), /claims 0 channels/],
  ["an impossible rate", patched(24, 1), /claims 1 Hz; .*save it again at 16000 Hz$/],
  [
    "a rate too low",
    patched(24, 4_000),
    /claims 4000 Hz; 8000 to 384000 Hz are read: save it again at 16000 Hz$/,
  ],
  ["an impossible frame", patched(32, 0), /a frame is said to be 0 bytes/],
  ["no samples", wavBytes([[]], 16_000, 16), /holds no samples/],
  ["a sample that is no number", wavBytes([[0, NaN]], 16_000, 32, true), /frame 1 is not finite/],
];
for (const [what, bytes, why] of bad)
  test(`${what} is refused by name`, () => {
    assert.throws(() => readWav(bytes, "a.wav"), refusal(new RegExp(`^a.wav: .*${why.source}`)));
  });
