import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { CIFAR_RECORD, cifarPickle, cifarRecords } from "#src/formats/cifar.js";
import { cifarPickleBytes } from "#src/fuzz/samples.js";
import { all, refusal } from "../support/files.js";

test("CIFAR records may be cut anywhere by chunks, but not by the end", async () => {
  const bytes = Buffer.concat(
    [1, 2, 3].map((label) =>
      Buffer.concat([Buffer.from([19, label]), Buffer.alloc(CIFAR_RECORD - 2, label)]),
    ),
  );
  const records = (...chunks: Buffer[]) => all(cifarRecords(Readable.from(chunks), "c.bin"));
  const read = await records(bytes.subarray(0, 1), bytes.subarray(1, 4_000), bytes.subarray(4_000));
  assert.deepEqual(
    read.map(({ coarse, fine, pixels }) => [coarse, fine, pixels.length, pixels[3071]]),
    [
      [19, 1, 3072, 1],
      [19, 2, 3072, 2],
      [19, 3, 3072, 3],
    ],
  );
  await assert.rejects(records(bytes.subarray(0, -1)), refusal(/c.bin: .*record 2 has 3073 of 3074 bytes/));
  await assert.rejects(
    records(Buffer.alloc(CIFAR_RECORD, 200)),
    refusal(/record 0 has the labels 200 and 200/),
  );
  await assert.rejects(records(), refusal(/no records/));
});

test("the Python version: labels and pixels of a pickle", () => {
  const read = [...cifarPickle(cifarPickleBytes([3, 99, 0]), "train")];
  assert.deepEqual(
    read.map(({ coarse, fine, pixels }) => [coarse, fine, pixels.length, pixels[0], pixels[3071]]),
    [
      [0, 3, 3072, 0, 0],
      [1, 99, 3072, 1, 1],
      [2, 0, 3072, 2, 2],
    ],
  );
});

/** numpy 2.4 in Python 3.11, protocol 2 and 4: {b"fine_labels": [7], b"coarse_labels": [1], b"data": one row, 0, 1, … mod 256}. */
for (const protocol of [2, 4])
  test(`the Python version saved again, protocol ${protocol}`, () => {
    const bytes = gunzipSync(readFileSync(`test/fixtures/cifar-protocol-${protocol}.gz`));
    const [image, ...more] = [...cifarPickle(bytes, "train")];
    assert.deepEqual([image!.fine, image!.coarse, more.length], [7, 1, 0]);
    assert.ok(image!.pixels.every((value, i) => value === i % 256));
  });

test("other pickles are refused by name", () => {
  const good = cifarPickleBytes([3, 99]);
  const changed = (from: string, to: string) =>
    Buffer.from(good.toString("latin1").replace(from, to), "latin1");
  const bad: [Buffer, RegExp][] = [
    [
      Buffer.from("PK"),
      /^train: not CIFAR-100's Python version: it does not begin as a pickle does; fetch it again, or/,
    ],
    [good.subarray(0, 3_000), /it is damaged, or its pickle holds more/],
    [Buffer.from("\x80\x02cos\nsystem\n.", "latin1"), /it is damaged, or its pickle holds more/],
    [Buffer.from("\x80\x02].", "latin1"), /it is no dictionary/],
    [
      changed("fine_labels", "some_labels"),
      /holds filenames, some_labels, coarse_labels, data, not data and/,
    ],
    [changed("U\x02u1", "U\x02f8"), /it is damaged, or/],
    [changed("K\x63e", "K\x64e"), /image 1 has no labels in range/],
    [changed("K\x03K\x63e", "K\x03e"), /its array is \[2, 3072\] with 1 and 2 labels/],
  ];
  for (const [bytes, why] of bad) assert.throws(() => [...cifarPickle(bytes, "train")], refusal(why));
});
