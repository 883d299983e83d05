import assert from "node:assert/strict";
import { test } from "node:test";
import { readWav } from "#src/formats/wav.js";
import { riffChunk, wavBytes } from "#src/fuzz/samples.js";
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
const patched = (at: number, value: number) => {
  const bytes = Buffer.from(good);
  bytes.writeUInt16LE(value, at);
  return bytes;
};
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
  ["a compressed encoding", patched(20, 0x11), /encoding 17 with 16 bits is not read/],
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
