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
    refusal(/torn.tar.gz: not a readable archive: its compressed data has no end, as that of an unfinished/),
  );
});

const rows = (...lines: string[]) => lines.join("\n");
const labels = async (train: string, test = train) => {
  const paths = [file("cols/train.csv", train), file("cols/test.csv", test)];
  return (await itemsOf("ag-news", paths, { split: "train" })).map(
    ({ id, label, input }) => `${id} ${label} ${input.kind === "text" && input.text}`,
  );
};
const columns: [what: string, text: string, expected: string[]][] = [
  [
    "a head and official classes",
    rows("Class Index,Title,Description", '"3","A","B"', "4,C,D"),
    ["train/0 2 A B", "train/1 3 C D"],
  ],
  ["a head, classes that do not tell", rows("Class Index,Title,Description", "2,A,B"), ["train/0 1 A B"]],
  ["a head with a mark of byte order", "\ufeffClass Index,Title,Description\r\n1,A,B\r\n", ["train/0 0 A B"]],
  [
    "no head, classes from 0",
    rows("2,A,B", "0,C,D", "3,E,F"),
    ["train/0 2 A B", "train/1 0 C D", "train/2 3 E F"],
  ],
  ["Hugging Face's columns", rows("text,label", "A B,2", "C,0"), ["train/0 2 A B", "train/1 0 C"]],
  ["the same the other way, from 1", rows("label,text", "2,A B", "4,C"), ["train/0 1 A B", "train/1 3 C"]],
  ["an index of rows", rows(",text,label", "7,A B,3", "8,C,0"), ["train/0 3 A B", "train/1 0 C"]],
  ["names of topics", rows("text,label", "A,Sci/Tech", "B,world"), ["train/0 3 A", "train/1 0 B"]],
  ["a head in other letters", rows("CLASS_INDEX,TITLE,DESCRIPTION", "1,A,B"), ["train/0 0 A B"]],
];
for (const [what, text, expected] of columns)
  test(`AG News: ${what}`, async () => {
    assert.deepEqual(await labels(text), expected);
  });

test("AG News: the head that a data-science site gives it is skipped", async () => {
  const folder = "test/fixtures/ag_news_header";
  const items = await itemsOf("ag-news", [`${folder}/train.csv`, `${folder}/test.csv`]);
  assert.deepEqual(
    items.map(({ id, label }) => `${id} ${label}`),
    ["train/0 2", "train/1 3", "train/2 3", "test/0 2", "test/1 3", "test/2 3", "test/3 3", "test/4 3"],
  );
});

test("AG News: classes that could be meant either way, and other columns, are named", async () => {
  const bad: [string, RegExp][] = [
    [rows("text,label", "A,1", "B,3"), /its classes are 1, 2 and 3 alone, .*call their column "Class Index"/],
    [
      rows("4,A,B", "1,C,D", "0,E,F"),
      /row 3 has class 0, row 1 class 4: AG News has four classes, 1 to 4 or 0 to 3/,
    ],
    [rows("text,label", "A,0", "B,4"), /row 3 has class 4, row 2 class 0/],
    [rows("text,label", "A,5"), /row 2 begins with "A" and has 2 fields/],
    [
      rows("PassengerId,Survived,Class", "1,0,3"),
      /row names the columns "PassengerId", "Survived", "Class"; AG News/,
    ],
    [
      rows("label,title", "1,A"),
      /its first row names the columns "label", "title"; AG News has Class Index, Title/,
    ],
    [rows("text,sentiment", "A,1"), /names the columns "text", "sentiment"/],
  ];
  for (const [text, why] of bad) await assert.rejects(labels(text), refusal(why));
});
