import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { datasetNamed } from "#src/datasets/index.js";
import { CIFAR_RECORD } from "#src/formats/cifar.js";
import { tarBytes } from "#src/fuzz/samples.js";
import { refusal, temporaryFolder } from "../support/files.js";
import { itemsOf } from "../support/items.js";

const { file } = temporaryFolder();

test("CIFAR-100: fine labels, train before test whatever the archive's order", async () => {
  const record = (fine: number) =>
    Buffer.concat([Buffer.from([0, fine]), Buffer.alloc(CIFAR_RECORD - 2, fine)]);
  const archive = file(
    "cifar.tar.gz",
    gzipSync(
      tarBytes([
        { name: "cifar-100-binary/test.bin", bytes: record(99) },
        { name: "cifar-100-binary/train.bin", bytes: Buffer.concat([record(3), record(0)]) },
      ]),
    ),
  );
  const read = await itemsOf("cifar-100", [archive]);
  assert.deepEqual(
    read.map(({ id, label, split }) => [id, label, split]),
    [
      ["train/0", 3, "train"],
      ["train/1", 0, "train"],
      ["test/0", 99, "test"],
    ],
  );
  const { input } = read[0]!;
  assert.ok(input.kind === "image" && input.data.every((value) => value === 3));
  assert.deepEqual([input.data.length, input.height, input.width], [3 * 32 * 32, 32, 32]);
  assert.equal(datasetNamed("cifar-100").classes.length, 100);
  const cut = file(
    "cut-cifar.tar.gz",
    gzipSync(tarBytes([{ name: "train.bin", bytes: record(1).subarray(1) }])),
  );
  await assert.rejects(
    itemsOf("cifar-100", [cut]),
    refusal(/cut-cifar.tar.gz: train.bin: .*record 0 has 3073 of 3074 bytes/),
  );
});
