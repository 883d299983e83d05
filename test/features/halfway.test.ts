import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Item } from "#src/datasets/index.js";
import { openEncoder } from "#src/encoders/encoder.js";
import { meanStates, type Halfway } from "#src/encoders/stream.js";
import { chunksOf, type Chunk } from "#src/features/chunks.js";
import { HalfwayFile } from "#src/features/halfway.js";
import { ids, writeLlama } from "../encoders/tiny.js";

const folder = mkdtempSync(join(tmpdir(), "halfway-"));
const file = join(folder, "halfway.safetensors");
after(() => rmSync(folder, { recursive: true }));

const items = Array.from({ length: 5 }, (_, i): Item => {
  return { id: `item-${i}`, label: 0, split: "train", input: { kind: "text", text: "" } };
});
const encoder = await openEncoder(writeLlama(4));

async function chunks(of: readonly Item[], streamed: boolean, padTogether = 2): Promise<Chunk[]> {
  async function* all() {
    yield* of;
  }
  const prepare = (group: Item[]) => ids(group.map((_, i) => [1, 7, 3 + i, 4]));
  const made: Chunk[] = [];
  for await (const chunk of chunksOf(all(), encoder, { prepare, padTogether, streamed })) made.push(chunk);
  return made;
}

test("an encoder in memory gets a group at a time, a streamed one as many as go together", async () => {
  const lengths = (made: Chunk[]) => made.map(({ items, batches }) => [items.length, batches.length]);
  assert.deepEqual(lengths(await chunks(items, false)), [[2, 1], [2, 1], [1, 1]]); // prettier-ignore
  assert.deepEqual(lengths(await chunks(items, true)), [[5, 3]]);
  assert.deepEqual(lengths(await chunks(items, true, 1)), [[5, 5]]);
});

test("what a chunk had come to is read again, by the same chunk alone, and a damaged file is none", async () => {
  const [chunk] = await chunks(items, true);
  const whole = await meanStates(encoder, chunk!.batches);
  let stood: Halfway | undefined;
  const broken = meanStates(encoder, chunk!.batches, {
    onStep: async (share, halfway) => {
      stood = structuredClone(await halfway());
      await new HalfwayFile(folder, 0).write(chunk!, halfway);
      if (share > 0.3) throw new Error("broken off");
    },
  });
  await assert.rejects(broken, /broken off/);
  assert.deepEqual(readdirSync(folder), ["halfway.safetensors"]);
  const kept = new HalfwayFile(folder);
  assert.deepEqual(kept.read(chunk!), stood);
  assert.ok(stood!.states.some((state) => state!.layers === 1));
  assert.deepEqual(await meanStates(encoder, chunk!.batches, { from: kept.read(chunk!) }), whole);
  assert.equal(kept.read((await chunks(items.slice(1), true))[0]!), undefined);
  assert.equal(kept.read((await chunks(items, true, 1))[0]!), undefined);
  const lines: string[] = [];
  const bytes = readFileSync(file);
  const damaged = new HalfwayFile(folder, 0, (line) => lines.push(line));
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(file, bytes);
  assert.equal(damaged.read(chunk!), undefined);
  truncateSync(file, 600);
  assert.equal(damaged.read(chunk!), undefined);
  assert.match(
    lines.join("\n"),
    /^.*halfway.*checksum.*begun again\n.*halfway.*needs 5120 bytes.*begun again$/,
  );
  kept.remove();
  assert.equal(kept.read(chunk!), undefined);
});

test("a state is kept from time to time only", async () => {
  const [chunk] = await chunks(items, true);
  await new HalfwayFile(folder, 60_000).write(chunk!, () => assert.fail("asked too early"));
  assert.deepEqual(readdirSync(folder), []);
});
