import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "#src/errors.js";
import { RecordWriter } from "#src/features/records.js";
import { readSafetensors } from "#src/formats/safetensors.js";

const root = mkdtempSync(join(tmpdir(), "records-"));
after(() => rmSync(root, { recursive: true }));

const [layers, features] = [2, 3];
const row = (i: number) => Float32Array.from({ length: 6 }, (_, j) => i + j / 10);
const note = (i: number) => ({ id: `item ${i}`, label: i % 2, split: i < 2 ? 0 : 1 });

test("a finished file is a feature file", () => {
  const writer = RecordWriter.open(join(root, "whole"), layers, features);
  for (const i of [0, 1, 2]) writer.append(row(i), [note(i)]);
  const path = writer.finish({ encoder: "e" });
  const { tensors, metadata } = readSafetensors(path);
  assert.deepEqual(tensors.get("features")!.shape, [3, 2, 3]);
  assert.deepEqual(
    [...tensors.get("features")!.data],
    [0, 1, 2].flatMap((i) => [...row(i)]),
  );
  assert.deepEqual([...tensors.get("labels")!.data], [0, 1, 0]);
  assert.deepEqual([...tensors.get("split")!.data], [0, 0, 1]);
  assert.equal(tensors.has("fold"), false);
  assert.deepEqual(JSON.parse(metadata.about!), { encoder: "e" });
});

test("goes on after a kill with nothing lost and nothing doubled, wherever the kill fell", () => {
  const cut = {
    "between records": () => {},
    "within a record": (folder: string) => appendFileSync(join(folder, "features.part"), Buffer.alloc(7)),
    "between a record and its note": (folder: string) =>
      appendFileSync(join(folder, "features.part"), Buffer.from(row(9).buffer)),
    "within a note": (folder: string) => {
      appendFileSync(join(folder, "features.part"), Buffer.from(row(9).buffer));
      appendFileSync(join(folder, "items.jsonl"), '{"id":"it');
    },
  };
  for (const [where, damage] of Object.entries(cut)) {
    const folder = join(root, where);
    RecordWriter.open(folder, layers, features).append(new Float32Array([...row(0), ...row(1)]), [
      note(0),
      note(1),
    ]);
    damage(folder);
    const again = RecordWriter.open(folder, layers, features);
    assert.deepEqual(again.ids, ["item 0", "item 1"], where);
    again.append(row(2), [note(2)]);
    const { tensors } = readSafetensors(again.finish({}));
    assert.deepEqual(
      [...tensors.get("features")!.data],
      [0, 1, 2].flatMap((i) => [...row(i)]),
      where,
    );
    assert.deepEqual([...tensors.get("labels")!.data], [0, 1, 0], where);
  }
});

test("keeps the first records, and goes on after them", () => {
  const folder = join(root, "kept");
  const writer = RecordWriter.open(folder, layers, features);
  writer.append(new Float32Array([...row(0), ...row(1), ...row(2)]), [note(0), note(1), note(2)]);
  writer.keep(5);
  assert.equal(writer.ids.length, 3);
  writer.keep(1);
  writer.append(row(3), [note(3)]);
  writer.close();
  const again = RecordWriter.open(folder, layers, features);
  assert.deepEqual(again.ids, ["item 0", "item 3"]);
  const { tensors } = readSafetensors(again.finish({}));
  assert.deepEqual([...tensors.get("features")!.data], [...row(0), ...row(3)]);
});

test("closed without a record, it leaves nothing", () => {
  const folder = join(root, "nothing");
  RecordWriter.open(folder, layers, features).close();
  assert.deepEqual(readdirSync(folder), []);
});

test("a NaN is refused with the item's name, a folder that is a file too", () => {
  const writer = RecordWriter.open(join(root, "nan"), layers, features);
  const values = new Float32Array([...row(0), ...row(1)]);
  values[8] = NaN;
  assert.throws(() => writer.append(values, [note(0), note(1)]), /item item 1 has a hidden state of NaN/);
  writeFileSync(join(root, "file"), "");
  assert.throws(() => RecordWriter.open(join(root, "file", "sub"), layers, features), UserError);
});
