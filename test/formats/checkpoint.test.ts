import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { openCheckpoint, openTensorFile } from "#src/formats/checkpoint.js";
import { readPickle } from "#src/formats/pickle.js";
import { randomStream, type Random } from "#src/random.js";
import { freshFolder, refusal } from "../support/files.js";

const folder = freshFolder();
const views = "test/fixtures/views.bin";
const viewsLegacy = "test/fixtures/views-legacy.bin";
const half = "test/fixtures/reference/beit_half";

// torch.save of views of arange(6), arange(10) and a few scalars (PyTorch 2.13), with and without the newer zip
const expected: Record<string, [dtype: string, shape: number[], values: number[]]> = {
  transposed: ["F32", [3, 2], [0, 3, 1, 4, 2, 5]],
  slice: ["F32", [4], [3, 4, 5, 6]],
  strided: ["F32", [4], [0, 3, 6, 9]],
  half: ["F16", [2], [1.5, -2]],
  brain: ["BF16", [2], [1.5, -2]],
  double: ["F64", [1], [Math.fround(0.1)]],
  long: ["I64", [1, 2], [-7, 70000]],
  bool: ["BOOL", [2], [1, 0]],
  scalar: ["F32", [], [3.5]],
  empty: ["F32", [0, 4], []],
  parameter: ["F32", [2], [1, 1]],
};

for (const [file, what] of [
  [views, "a PyTorch checkpoint"],
  [viewsLegacy, "one in the format from before 1.6"],
] as const)
  test(`${what}: dtypes, strides, shared storages, parameters`, async () => {
    const checkpoint = await openTensorFile(file);
    assert.deepEqual([...checkpoint.keys()], Object.keys(expected));
    for (const [name, [dtype, shape, values]] of Object.entries(expected)) {
      const stored = checkpoint.get(name)!;
      assert.deepEqual([stored.dtype, stored.shape, [...stored.read().data]], [dtype, shape, values], name);
    }
  });

test("the old format: cut short, of another machine, or of another version", async () => {
  const bytes = readFileSync(viewsLegacy);
  const path = join(folder, "legacy.bin");
  const refused = (changed: Buffer, message: RegExp) => {
    writeFileSync(path, changed);
    return assert.rejects(openTensorFile(path), refusal(message));
  };
  await refused(bytes.subarray(0, -1), /ends before its last tensor, or is damaged/);
  await refused(bytes.subarray(0, 330), /can be read safely: .*(ends within an item|does not end)/);
  const swap = (from: string, to: string) =>
    Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");
  await refused(swap("little_endianq\x02\x88", "little_endianq\x02\x89"), /byte order is not little-endian/);
  await refused(swap("M\xe9\x03.", "M\xe8\x03."), /its version is 1000, not 1001/);
  await refused(swap("FloatStorage", "EvilStorage_"), /asks for "torch\.EvilStorage_"/);
});

test("what stands in a checkpoint's place is named, with the remedy", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1261990257\n";
  for (const [name, contents, message] of [
    ["model.safetensors", pointer, /model\.safetensors is a git-LFS pointer, .*1261990257.*git lfs pull/],
    ["pytorch_model.bin", pointer, /pytorch_model\.bin is a git-LFS pointer/],
    ["model.safetensors.index.json", pointer, /index\.json is a git-LFS pointer/],
    ["model.safetensors", "<!DOCTYPE html><title>Sign in</title>", /is an HTML page \("Sign in"\)/],
    ["pytorch_model.bin", "<!DOCTYPE html><title>Sign in</title>", /is an HTML page/],
    ["model.safetensors", "GGUF\x03\0\0\0aaaaaaa", /GGUF: take the safetensors/],
    ["model.safetensors", "PK\x03\x04aaaaaaaaaa PK\x05\x06", /PyTorch's zip: call it pytorch_model\.bin/],
    ["model.safetensors.incomplete", "abc", /model\.safetensors\.incomplete is an unfinished download/],
    ["llama-2-13b.Q4_K_M.gguf", "GGUF", /llama\.cpp's format.*take the safetensors/],
    ["consolidated.00.pth", "PK", /Meta's own layout.*-hf/],
    ["model-00001-of-00002.safetensors", "abc", /a shard without its index/],
    ["adapter_model.safetensors", "abc", /an adapter's folder: name its base model's/],
    ["tf_model.h5", "abc", /another library's format/],
    ["model.fp16.safetensors", "abc", /if model\.fp16\.safetensors is it, call it model\.safetensors/],
  ] as const) {
    const at = freshFolder();
    writeFileSync(join(at, name), contents);
    await assert.rejects(openCheckpoint(at), refusal(message), name);
  }
});

test("a folder's shards read as one checkpoint", async () => {
  const checkpoint = await openCheckpoint(half);
  const { weight_map } = JSON.parse(readFileSync(join(half, "pytorch_model.bin.index.json"), "utf8"));
  assert.deepEqual([...checkpoint.keys()].sort(), Object.keys(weight_map).sort());
});

test("a folder without a checkpoint says what belongs there", async () => {
  await assert.rejects(openCheckpoint(freshFolder()), /holds no checkpoint: put model\.safetensors or/);
});

/** A copy of the fixture after `change`. */
function changed(change: (bytes: Buffer) => Buffer | void): string {
  const bytes = readFileSync(views);
  const path = join(folder, "changed.bin");
  writeFileSync(path, change(bytes) ?? bytes);
  return path;
}

const refused: [what: string, change: (bytes: Buffer) => Buffer | void, message: RegExp][] = [
  [
    "a truncated archive",
    (bytes) => bytes.subarray(0, bytes.length / 2),
    /not a readable PyTorch checkpoint: it is the beginning of a zip .* an unfinished download/,
  ],
  [
    "a bare pickle, as before PyTorch 1.6",
    () => Buffer.from("\x80\x02}.", "latin1"),
    /not a readable PyTorch checkpoint/,
  ],
  [
    "a damaged pickle",
    (bytes) => void bytes.write("X", bytes.indexOf("transposed")),
    /do not match their checksum/,
  ],
  [
    "a compressed entry",
    (bytes) => void bytes.writeUInt16LE(8, bytes.indexOf("PK\x01\x02", 0, "latin1") + 10),
    /is compressed/,
  ],
  [
    "an entry without its pickle",
    (bytes) => {
      const text = bytes.toString("latin1").replaceAll("data.pkl", "data.pkx");
      return Buffer.from(text, "latin1");
    },
    /holds no data\.pkl/,
  ],
];
for (const [what, change, message] of refused) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(
      openTensorFile(changed(change)),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test("a damaged storage is found when it is read", async () => {
  const path = changed((bytes) => {
    const value = Buffer.alloc(4);
    value.writeFloatLE(9);
    bytes[bytes.indexOf(value)]! ^= 1;
  });
  const checkpoint = await openTensorFile(path);
  assert.throws(() => checkpoint.get("slice")!.read(), /checksum/);
});

/** Some bytes changed, a piece cut out or doubled, or the end cut off. */
function mutate(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  const until = Math.min(copy.length, at + 1 + random.below(64));
  const kind = random.below(4);
  if (kind === 0) return copy.subarray(0, at);
  if (kind === 1) return Buffer.concat([copy.subarray(0, at), copy.subarray(until)]);
  if (kind === 2) return Buffer.concat([copy.subarray(0, until), copy.subarray(at)]);
  for (let changes = 1 + random.below(6); changes > 0; changes--)
    copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** Runs 150 mutants; each is read or refused with one line. */
async function attack(name: string, seed: Buffer, parse: (bytes: Buffer) => unknown): Promise<void> {
  const random = randomStream(1, name);
  const counts = { read: 0, refused: 0 };
  for (let i = 0; i < 150; i++) {
    try {
      await parse(mutate(seed, random));
      counts.read++;
    } catch (error) {
      if (!(error instanceof UserError) || error.message.includes("\n")) throw error;
      counts.refused++;
    }
  }
  assert.ok(counts.read > 0 && counts.refused > 0, JSON.stringify(counts));
}

const readAll = (extension: string) => async (bytes: Buffer) => {
  const path = join(folder, `mutant${extension}`);
  writeFileSync(path, bytes);
  for (const tensor of (await openTensorFile(path)).values()) tensor.read();
};

test("mutants of a PyTorch checkpoint are read or refused", () =>
  attack("zip", readFileSync(views), readAll(".bin")));

test("mutants of one in the old format are read or refused", () =>
  attack("legacy", readFileSync(viewsLegacy), readAll(".bin")));

test("mutants of a pickle are read or refused", async () => {
  const bytes = readFileSync(views);
  // the archive stores its pickle as it is: from the protocol byte to where the next entry begins
  const begin = bytes.indexOf("\x80\x02", 0, "latin1");
  const pickle = bytes.subarray(begin, bytes.indexOf("PK", begin, "latin1"));
  await attack("pickle", pickle, (mutant) => readPickle(mutant, "mutant"));
});

test("mutants of a safetensors file are read or refused", () =>
  attack(
    "safetensors",
    readFileSync("test/fixtures/reference/llama/expected.safetensors").subarray(),
    readAll(".safetensors"),
  ));
