import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { readHeader, readSafetensors } from "#src/formats/safetensors.js";
import { freshFolder } from "../support/files.js";

const folder = freshFolder();

function write(header: object | string, body: Buffer): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, `${Math.abs(text.reduce((h, b) => (h * 31 + b) | 0, body.length))}.safetensors`);
  writeFileSync(path, Buffer.concat([length, text, body]));
  return path;
}

const entry = (dtype: string, shape: number[], end: number, begin = 0) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

test("float types widen to float32, integers to int32", () => {
  const body = Buffer.alloc(16);
  body.writeFloatLE(1.5, 0);
  body.writeUInt16LE(0x3e00, 4); // half 1.5
  body.writeUInt16LE(0x3fc0, 6); // bfloat16 1.5
  body.writeInt8(-3, 8);
  body.writeInt32LE(-70000, 12);
  const path = write(
    {
      single: entry("F32", [1], 4),
      half: entry("F16", [1], 6, 4),
      brain: entry("BF16", [1], 8, 6),
      byte: entry("I8", [1], 9, 8),
      word: entry("I32", [1], 16, 12),
      __metadata__: { about: "x" },
    },
    body,
  );
  const { tensors, metadata } = readSafetensors(path);
  for (const name of ["single", "half", "brain"]) assert.deepEqual([...tensors.get(name)!.data], [1.5]);
  assert.deepEqual([...tensors.get("byte")!.data], [-3]);
  assert.deepEqual([...tensors.get("word")!.data], [-70000]);
  assert.equal(metadata.about, "x");
});

test("halves: subnormal, negative, infinite", () => {
  const body = Buffer.from(Uint16Array.of(0x0001, 0xc000, 0x7c00, 0x7e00).buffer);
  const { data } = readSafetensors(write({ halves: entry("F16", [4], 8) }, body)).tensors.get("halves")!;
  assert.deepEqual([...data], [2 ** -24, -2, Infinity, NaN]);
});

const damaged: [string, () => string, RegExp][] = [
  ["no file", () => join(folder, "none.safetensors"), /ENOENT/],
  [
    "a few bytes",
    () => (writeFileSync(join(folder, "short"), "abc"), join(folder, "short")),
    /3 bytes are too few/,
  ],
  ["a header that is no JSON", () => write("{not json", Buffer.alloc(4)), /not JSON/],
  [
    "a truncated body",
    () => write({ a: entry("F32", [4], 16) }, Buffer.alloc(8)),
    /"a" needs 16 bytes.*truncated/,
  ],
  ["offsets that do not fit the shape", () => write({ a: entry("F32", [4], 8) }, Buffer.alloc(16)), /"a"/],
  ["an unknown dtype", () => write({ a: entry("F8", [4], 4) }, Buffer.alloc(16)), /unknown dtype "F8"/],
  ["negative sizes", () => write({ a: entry("F32", [-1], 4) }, Buffer.alloc(16)), /no valid shape/],
];
for (const [what, make, pattern] of damaged) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readSafetensors(make()),
      (error: Error) =>
        error instanceof UserError && pattern.test(error.message) && !error.message.includes("\n"),
    );
  });
}

test("dtypes that are not computed with are listed, and refused by name when they are read", () => {
  const path = write({ a: entry("F8_E4M3", [3], 3), b: entry("U16", [1], 5, 3) }, Buffer.alloc(5));
  assert.deepEqual(
    [...readHeader(path).entries.values()].map(({ dtype }) => dtype),
    ["F8_E4M3", "U16"],
  );
  assert.throws(() => readSafetensors(path), /holds a tensor of F8_E4M3, which is not computed with/);
});

test("a missing tensor is named, with what is there", () => {
  const path = write({ weight: entry("F32", [1], 4) }, Buffer.alloc(4));
  assert.throws(() => readSafetensors(path, ["bias"]), /"bias" is missing; it holds weight/);
});
