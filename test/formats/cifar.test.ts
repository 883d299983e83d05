import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { CIFAR_RECORD, cifarRecords } from "#src/formats/cifar.js";
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
