import { createReadStream } from "node:fs";
import { FEW, hiddenStateStatistics, layerLines } from "../features/layer-statistics.js";
import { holdsHiddenStates, openHiddenStates } from "../features/load.js";
import { archiveEntries } from "../formats/archive.js";
import { readRecording } from "../formats/audio.js";
import { openTensorFile } from "../formats/checkpoint.js";
import { CIFAR_RECORD, cifarPickle, cifarRecords } from "../formats/cifar.js";
import { csvRows } from "../formats/csv.js";
import { parseEmoEvaluation } from "../formats/emo-evaluation.js";
import { readBounded } from "../formats/read.js";
import { readHeader, readSafetensors } from "../formats/safetensors.js";
import type { Inspector } from "./inspector.js";

const MAX_WAV = 512 * 2 ** 20;
const MAX_PICKLE = 2 ** 29;
const MAX_TEXT = 4 * 2 ** 20;
/** Classes beyond which only their number is told. */
const MAX_CLASSES = 20;
/** Characters of a label that are told. */
const MAX_LABEL = 40;

const startsWith = (text: string) => (head: Buffer) => head.toString("latin1", 0, text.length) === text;

/** In order of precedence. A reader for another format is one more entry. */
export const fileInspectors: Inspector[] = [
  { kind: "safetensors", named: /\.safetensors$/i, begins: (head) => head[8] === 0x7b, lines: safetensors },
  {
    kind: "WAV or FLAC",
    named: /\.(wave?|flac)$/i,
    begins: (head) => /^(RIFF|RF64|BW64|fLaC)/.test(head.toString("latin1", 0, 4)),
    lines: recording,
  },
  { kind: "CSV", named: /\.csv$/i, lines: csv },
  {
    kind: "zip, tar or tar.gz",
    named: /\.(zip|tar|tgz|tar\.gz)$/i,
    begins: (head) =>
      /^(504b|1f8b)/.test(head.toString("hex", 0, 2)) || head.toString("latin1", 257, 262) === "ustar",
    lines: archive,
  },
  {
    kind: "EmoEvaluation",
    named: /\.txt$/i,
    begins: (head) => /^[%[]/.test(head.toString("latin1", 0, 1)),
    lines: emo,
  },
  {
    kind: "CIFAR-100 records",
    named: /(train|test)\.bin$/i,
    begins: (head, bytes) => bytes % CIFAR_RECORD === 0 && head[0]! < 20 && head[1]! < 100,
    lines: cifar,
  },
  { kind: "CIFAR-100 pickle", named: /(^|[\\/])(train|test)$/i, lines: cifarPython },
  { kind: "PyTorch checkpoint", named: /\.(bin|pt|pth)$/i, begins: startsWith("PK"), lines: pytorch },
];

/** A tar's mark lies at byte 257. */
export const HEAD = 512;

/** Who reads a file of `bytes` with these first bytes: by name, and among several by what it begins with; else by that alone. */
export function inspectorOf(path: string, head: Buffer, bytes: number): Inspector | undefined {
  const fits = ({ begins }: Inspector) => begins?.(head, bytes) ?? false;
  const named = fileInspectors.filter(({ named }) => named.test(path));
  return named.find((one) => !one.begins || fits(one)) ?? named[0] ?? fileInspectors.find(fits);
}

async function safetensors(path: string): Promise<string[]> {
  const { entries, metadata } = readHeader(path);
  const size = (shape: number[]) => shape.reduce((product, n) => product * n, 1);
  const values = [...entries.values()].reduce((sum, { shape }) => sum + size(shape), 0);
  const lines = [`safetensors, ${count(entries.size, "tensor")}, ${count(values, "value")}`];
  for (const [key, value] of Object.entries(metadata ?? {}))
    lines.push(`metadata ${key}: ${String(value).slice(0, 200)}`);
  for (const [name, { dtype, shape }] of entries) lines.push(`tensor ${name} ${dtype} [${shape.join(", ")}]`);
  const labels = entries.get("labels");
  if (labels?.dtype === "I32" && labels.shape.length === 1) {
    const { data } = readSafetensors(path, ["labels"]).tensors.get("labels")!;
    lines.push(`labels ${classes(data)}`);
  }
  if (holdsHiddenStates(entries)) lines.push(...hiddenStateLines(path));
  return lines;
}

function hiddenStateLines(path: string): string[] {
  const statistics = hiddenStateStatistics(openHiddenStates(path, 0));
  return [
    `hidden states of ${count(statistics.items, "item")} by layer: norm of an item; mean and sd of all values; distance of an item from the ` +
      `mean item; largest absolute value; share of the squares in the ${FEW} largest features; cosine of two items; sd of the logits of ` +
      "untrained dot-product attention over a batch, uniform far below 1",
    ...layerLines(statistics),
  ];
}

async function pytorch(path: string): Promise<string[]> {
  const tensors = await openTensorFile(path);
  return [
    `PyTorch checkpoint, ${count(tensors.size, "tensor")}`,
    ...[...tensors].map(([name, { dtype, shape }]) => `tensor ${name} ${dtype} [${shape.join(", ")}]`),
  ];
}

async function recording(path: string): Promise<string[]> {
  const { samples, rate, channels, bits, encoding } = await readRecording(readBounded(path, MAX_WAV), path);
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return [
    `${encoding === "FLAC" ? "FLAC" : "WAV"}, ${rate} Hz, ${count(channels, "channel")}, ${bits}-bit ${encoding === "FLAC" ? "integer" : encoding}, ${count(samples.length, "frame")}, ` +
      `${(samples.length / rate).toFixed(3)} s, ${peak === 0 ? "silent" : `peak ${peak.toFixed(3)}`}`,
  ];
}

async function csv(path: string): Promise<string[]> {
  const first = new Map<string, number>();
  let [rows, width] = [0, 0];
  for await (const row of csvRows(createReadStream(path), path)) {
    rows++;
    width = row.length;
    add(first, row[0]!.slice(0, MAX_LABEL));
  }
  return [`CSV, ${count(rows, "row")} of ${count(width, "field")}`, `first field: ${told(first)}`];
}

/** Every entry is unpacked, so that damage shows. */
async function archive(path: string): Promise<string[]> {
  const lines: string[] = [];
  let bytes = 0;
  for await (const entry of archiveEntries(path)) {
    for await (const _ of await entry.stream()) void _;
    bytes += entry.size;
    lines.push(`entry ${entry.name} ${count(entry.size, "byte")}`);
  }
  return [`archive, ${count(lines.length, "file")}, ${count(bytes, "byte")} unpacked`, ...lines];
}

async function emo(path: string): Promise<string[]> {
  const turns = parseEmoEvaluation(readBounded(path, MAX_TEXT).toString("utf8"), path);
  return [
    `EmoEvaluation, ${count(turns.length, "turn")}, ${classes(turns.map(({ emotion }) => emotion))}`,
    ...turns.map(
      ({ name, start, end, emotion }) => `turn ${name} ${start.toFixed(4)}–${end.toFixed(4)} s ${emotion}`,
    ),
  ];
}

async function cifar(path: string): Promise<string[]> {
  const fine: number[] = [];
  for await (const record of cifarRecords(createReadStream(path), path)) fine.push(record.fine);
  return [`CIFAR-100 records, ${count(fine.length, "image")} [3, 32, 32], fine labels ${classes(fine)}`];
}

async function cifarPython(path: string): Promise<string[]> {
  const fine = [...cifarPickle(readBounded(path, MAX_PICKLE), path)].map((record) => record.fine);
  return [`CIFAR-100 pickle, ${count(fine.length, "image")} [3, 32, 32], fine labels ${classes(fine)}`];
}

function classes(labels: Iterable<string | number>): string {
  const counts = new Map<string | number, number>();
  for (const label of labels) add(counts, label);
  return told(counts);
}

function add<T>(counts: Map<T, number>, label: T): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

function told(counts: Map<string | number, number>): string {
  if (counts.size > MAX_CLASSES) return `${counts.size} classes`;
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${count(sorted.length, "class", "classes")}: ${sorted.map(([label, n]) => `${label} × ${n}`).join(", ")}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
