import { createReadStream } from "node:fs";
import { gzipSync } from "node:zlib";
import { newsRows } from "../datasets/news-rows.js";
import { archiveEntries } from "../formats/archive.js";
import { readRecording } from "../formats/audio.js";
import { openTensorFile } from "../formats/checkpoint.js";
import { cifarPickle } from "../formats/cifar.js";
import { csvRows } from "../formats/csv.js";
import { parseEmoEvaluation } from "../formats/emo-evaluation.js";
import { readBounded } from "../formats/read.js";
import { resample } from "../formats/resample.js";
import { readSafetensors } from "../formats/safetensors.js";
import {
  cifarPickleBytes,
  codedWavBytes,
  flacBytes,
  pickleBytes,
  pytorchBytes,
  safetensorsBytes,
  streamedWavBytes,
  tarBytes,
  wavBytes,
  zipBytes,
} from "./samples.js";

/** A parser under attack. */
export interface FuzzTarget {
  name: string;
  /** Of the files it is given. */
  extension: string;
  /** Valid files to start from. */
  seeds: () => Buffer[];
  /** Put around a mutated file, so that an outer checksum does not hide the damage. */
  wrap?: (bytes: Buffer) => Buffer;
  /** Reads everything in the file. */
  parse: (path: string) => Promise<unknown>;
}

const LIMIT = 2 ** 26;
const wave = Array.from({ length: 2_000 }, (_, i) => Math.sin(i / 7) / 2);
const wav = wavBytes([wave], 16_000, 16);
const files = [
  { name: "set/train.csv", bytes: Buffer.from('"1","A title","A text with ""quotes"""\n'.repeat(40)) },
  { name: "set/clip.wav", bytes: wav },
];
const emoEvaluation = [
  "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
  "",
  "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]",
  "C-E2:\tNeutral;\t()",
  "[10.0100 - 11.3925]\tSes01F_impro01_F001\thap\t[3.5000, 2.5000, 2.5000]",
  "A-E3:\tval 3; act 2; dom  2;\t()",
].join("\n");

async function readArchive(path: string): Promise<void> {
  for await (const entry of archiveEntries(path)) await entry.read();
}

async function readCheckpoint(path: string): Promise<void> {
  for (const tensor of (await openTensorFile(path)).values()) tensor.read();
}

/** Every parser of files that come from elsewhere. */
export const fuzzTargets: FuzzTarget[] = [
  {
    name: "safetensors",
    extension: ".safetensors",
    seeds: () => [
      safetensorsBytes({
        a: { dtype: "F32", shape: [4, 5], bytes: 80 },
        b: { dtype: "BF16", shape: [7], bytes: 14 },
        c: { dtype: "I64", shape: [3], bytes: 24 },
      }),
    ],
    parse: async (path) => readSafetensors(path),
  },
  {
    name: "pickle",
    extension: ".bin",
    seeds: () => [pickleBytes()],
    wrap: (bytes) => pytorchBytes(bytes),
    parse: readCheckpoint,
  },
  {
    name: "cifar pickle",
    extension: "",
    seeds: () => [cifarPickleBytes([3, 99])],
    parse: async (path) => [...cifarPickle(readBounded(path, LIMIT), path)],
  },
  {
    name: "pytorch",
    extension: ".bin",
    seeds: () => [pytorchBytes(pickleBytes()), pytorchBytes(pickleBytes(), true)],
    parse: readCheckpoint,
  },
  {
    name: "wav",
    extension: ".wav",
    seeds: () => [
      wav,
      wavBytes([wave, wave], 48_000, 24),
      wavBytes([wave], 44_100, 32, true),
      wavBytes([wave], 8_000, 8),
      streamedWavBytes(wav),
      codedWavBytes(7, 1, 8_000, 1, 8, wav.subarray(0, 999)),
      codedWavBytes(0x11, 1, 16_000, 64, 4, wav.subarray(0, 640), [2, 121]),
      codedWavBytes(2, 2, 16_000, 64, 4, wav.subarray(0, 640)),
    ],
    parse: async (path) => {
      const { samples, rate } = await readRecording(readBounded(path, LIMIT), path);
      return resample(samples, rate, 16_000);
    },
  },
  {
    name: "flac",
    extension: ".flac",
    seeds: () => [flacBytes()],
    parse: async (path) => readRecording(readBounded(path, LIMIT), path),
  },
  { name: "tar", extension: ".tar", seeds: () => [tarBytes(files)], parse: readArchive },
  {
    name: "tar in gzip",
    extension: ".tar.gz",
    seeds: () => [tarBytes(files)],
    wrap: gzipSync,
    parse: readArchive,
  },
  { name: "gzip", extension: ".tar.gz", seeds: () => [gzipSync(tarBytes(files))], parse: readArchive },
  {
    name: "zip",
    extension: ".zip",
    seeds: () => [zipBytes(files), zipBytes(files, true)],
    parse: readArchive,
  },
  {
    name: "csv",
    extension: ".csv",
    seeds: () => [files[0]!.bytes],
    parse: async (path) => {
      for await (const row of csvRows(createReadStream(path), path)) void row;
    },
  },
  {
    name: "news rows",
    extension: ".csv",
    seeds: () =>
      [
        files[0]!.bytes.toString(),
        `Class Index,Title,Description\n${"4,A,B\n".repeat(9)}`,
        "text,label\nA,0\nB,3\n",
      ].map((text) => Buffer.from(text)),
    parse: async (path) => {
      for await (const row of newsRows(createReadStream(path), path)) void row;
    },
  },
  {
    name: "emo-evaluation",
    extension: ".txt",
    seeds: () => [Buffer.from(emoEvaluation)],
    parse: async (path) => parseEmoEvaluation(readBounded(path, LIMIT).toString("utf8"), path),
  },
];
