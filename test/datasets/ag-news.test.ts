import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Item } from "#src/datasets/index.js";
import { tarBytes } from "#src/fuzz/samples.js";
import { refusal, temporaryFolder } from "../support/files.js";
import { itemsOf } from "../support/items.js";

const { file } = temporaryFolder();

test("AG News: files or archive, cleaned texts", async () => {
  const train = [
    `"3","Wall St. Bears","Short-sellers, Wall Street\\band  &amp; co &lt;b&gt; #39;s quot;ultra quot; &#39;x&#39;"`,
    `"4",""," Title in it. Text ""quoted"" "`,
  ].join("\n");
  const test = `"1","A","B"\n`;
  const expected = [
    ["train/0", 2, "train", `Wall St. Bears Short-sellers, Wall Street band & co <b>'s"ultra" 'x'`],
    ["train/1", 3, "train", `Title in it. Text "quoted"`],
    ["test/0", 0, "test", "A B"],
  ];
  const told = ({ id, label, split, input }: Item) => [id, label, split, input.kind === "text" && input.text];
  const paths = [file("ag/train.csv", train), file("ag/test.csv", test)];
  assert.deepEqual((await itemsOf("ag-news", paths)).map(told), expected);
  const packed = ["test", "train"].map((name) => ({
    name: `ag_news_csv/${name}.csv`,
    bytes: Buffer.from(name === "test" ? test : train),
  }));
  const archive = file("ag.tar.gz", gzipSync(tarBytes(packed)));
  assert.deepEqual((await itemsOf("ag-news", [archive])).map(told), expected);
  assert.deepEqual((await itemsOf("ag-news", [archive], { split: "test" })).map(told), expected.slice(2));
});

test("AG News: wrong or missing classes, columns and files are refused with the row", async () => {
  const csv = (text: string) => itemsOf("ag-news", [file("bad/train.csv", text), file("bad/test.csv", text)]);
  await assert.rejects(
    csv(`"1","a","b"\n"5","a","b"\n`),
    refusal(/train.csv: row 2 begins with "5" and has 3 fields/),
  );
  await assert.rejects(csv(`"","a","b"\n`), refusal(/row 1 begins with ""/));
  await assert.rejects(csv(`"1","a"\n`), refusal(/row 1 .* has 2 fields/));
  const archive = file(
    "half.tar.gz",
    gzipSync(tarBytes([{ name: "train.csv", bytes: Buffer.from(`"1","a","b"\n`) }])),
  );
  await assert.rejects(itemsOf("ag-news", [archive]), refusal(/half.tar.gz: holds no test.csv/));
  const cut = file(
    "cut.tar.gz",
    gzipSync(tarBytes([{ name: "train.csv", bytes: Buffer.from(`"1","a","b`) }])),
  );
  await assert.rejects(itemsOf("ag-news", [cut]), refusal(/train.csv: not a readable CSV file/));
  const torn = gzipSync(
    tarBytes([{ name: "train.csv", bytes: Buffer.from(`"1","a","b"\n`.repeat(9_999)) }]),
  ).subarray(0, -20);
  await assert.rejects(
    itemsOf("ag-news", [file("torn.tar.gz", torn)]),
    refusal(/torn.tar.gz: not a readable archive/),
  );
});
