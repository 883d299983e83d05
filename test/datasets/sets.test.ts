import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { datasetNamed, type Item, type ItemOptions } from "#src/datasets/index.js";
import { UserError } from "#src/errors.js";
import { CIFAR_RECORD } from "#src/formats/cifar.js";
import { tarBytes, wavBytes, zipBytes } from "#src/fuzz/samples.js";

const root = mkdtempSync(join(tmpdir(), "daam-datasets-"));
after(() => rmSync(root, { recursive: true }));
const file = (name: string, bytes: Buffer | string) => {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
};

async function items(name: string, paths: string[], options?: ItemOptions): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of datasetNamed(name).items(paths, options)) list.push(item);
  return list;
}
const refusal = (why: RegExp) => (error: unknown) => error instanceof UserError && why.test(error.message);
const summary = ({ id, label, fold, group, input }: Item) => [
  id,
  label,
  fold,
  group,
  input.kind === "audio" && input.samples.length,
];

/** Seconds of a slope, so that every sample says where it was. */
const slope = (seconds: number, rate = 16_000) =>
  Array.from({ length: seconds * rate }, (_, i) => (i % 1_000) / 2_000);
const wav = (seconds: number) => wavBytes([slope(seconds)], 16_000, 16);

const turn = (name: string, emotion: string) =>
  `[1.0000 - 2.0000]\t${name}\t${emotion}\t[2.5000, 2.5000, 2.5000]\n`;

/** Two sessions in IEMOCAP's layout. */
function iemocap(name: string, turns: Record<string, string>, recordings: Record<string, Buffer>): string {
  for (const [dialogue, text] of Object.entries(turns))
    file(
      `${name}/Session${dialogue[4]}/dialog/EmoEvaluation/${dialogue}.txt`,
      `% [START_TIME - END_TIME]\n${text}`,
    );
  for (const [recording, bytes] of Object.entries(recordings))
    file(`${name}/Session${recording[4]}/sentences/wav/${recording.slice(0, -5)}/${recording}.wav`, bytes);
  return join(root, name);
}

test("IEMOCAP: four emotions, excited as happy, folds by session, long turns cut into clips", async () => {
  const labels = [
    ["F000", "neu"],
    ["F001", "exc"],
    ["F002", "xxx"],
    ["F003", "fru"],
    ["M000", "ang"],
  ].map(([turnName, emotion]) => turn(`Ses01F_impro01_${turnName}`, emotion!));
  const folder = iemocap(
    "iemocap",
    { Ses01F_impro01: labels.join(""), Ses02M_script01_1: turn("Ses02M_script01_1_M000", "sad") },
    {
      Ses01F_impro01_F000: wav(1),
      Ses01F_impro01_F001: wav(5.05),
      Ses01F_impro01_M000: wav(10.1),
      Ses02M_script01_1_M000: wav(0.5),
      Ses02M_script01_1_M009: wav(0.5),
    },
  );
  file("iemocap/Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", "archiver's litter");
  file("iemocap/Session1/dialog/EmoEvaluation/Categorical/Ses01F.txt", "one annotator's votes");
  const warnings: string[] = [];
  const read = await items("iemocap", [folder], { warn: (line) => warnings.push(line) });
  assert.deepEqual(read.map(summary), [
    ["Ses01F_impro01_F000#0", 1, 0, 1, 16_000],
    ["Ses01F_impro01_F001#0", 2, 0, 1, 80_000],
    ["Ses01F_impro01_M000#0", 3, 0, 1, 80_000],
    ["Ses01F_impro01_M000#1", 3, 0, 1, 80_000],
    ["Ses01F_impro01_M000#2", 3, 0, 1, 1_600],
    ["Ses02M_script01_1_M000#0", 0, 1, 2, 8_000],
  ]);
  assert.equal(warnings.length, 4);
  assert.match(warnings[0]!, /M009.wav: left out: no EmoEvaluation file labels it/);
  assert.match(warnings[1]!, /Session3: missing, so fold 2 is empty/);
});

test("IEMOCAP: missing recordings, turns labelled twice and missing labels are refused by name", async () => {
  const label = turn("Ses01F_impro01_F000", "neu");
  await assert.rejects(
    items("iemocap", [iemocap("no-wav", { Ses01F_impro01: label }, {})]),
    refusal(/Ses01F_impro01_F000.wav: missing, though .*Ses01F_impro01.txt labels it neu/),
  );
  const twice = iemocap(
    "twice",
    { Ses01F_impro01: label, Ses01F_impro02: label },
    { Ses01F_impro01_F000: wav(1) },
  );
  await assert.rejects(
    items("iemocap", [twice]),
    refusal(/impro02.txt: turn Ses01F_impro01_F000 is also labelled in Ses01F_impro01.txt/),
  );
  mkdirSync(join(root, "bare/Session1"), { recursive: true });
  await assert.rejects(items("iemocap", [join(root, "bare")]), refusal(/EmoEvaluation: cannot be listed/));
  const damaged = iemocap(
    "damaged",
    { Ses01F_impro01: label },
    { Ses01F_impro01_F000: wav(1).subarray(0, 999) },
  );
  await assert.rejects(items("iemocap", [damaged]), refusal(/Ses01F_impro01_F000.wav: .*truncated/));
});

test("RAVDESS: four emotions, folds by actor, stereo at 48 kHz, doubled and short recordings left out", async () => {
  const stereo = wavBytes([slope(0.5, 48_000), slope(0.5, 48_000)], 48_000, 24);
  const recording = (name: string, bytes: Buffer) => ({ name: `Actor_${name.slice(-2)}/${name}.wav`, bytes });
  const path = file(
    "ravdess.zip",
    zipBytes([
      recording("03-01-01-01-01-01-01", wav(1)),
      recording("03-01-02-01-01-01-01", Buffer.from("calm is not read")),
      recording("03-01-05-02-01-01-07", stereo),
      recording("03-01-04-01-01-01-24", wav(5.2)),
      recording("03-01-03-01-01-01-02", wavBytes([slope(0.01)], 16_000, 16)),
      recording("03-01-03-01-01-02-02", wavBytes([new Array(16_000).fill(0)], 16_000, 16)),
      { name: "copy/Actor_01/03-01-01-01-01-01-01.wav", bytes: wav(1) },
      { name: "Actor_01/song.wav", bytes: wav(1) },
    ]),
  );
  const warnings: string[] = [];
  const read = await items("ravdess", [path], { warn: (line) => warnings.push(line) });
  assert.deepEqual(read.map(summary), [
    ["03-01-01-01-01-01-01#0", 1, 0, 1, 16_000],
    ["03-01-05-02-01-01-07#0", 3, 1, 7, 8_000],
    ["03-01-04-01-01-01-24#0", 0, 3, 24, 80_000],
    ["03-01-04-01-01-01-24#1", 0, 3, 24, 3_200],
    ["03-01-03-01-01-02-02#0", 2, 1, 2, 16_000],
  ]);
  assert.match(
    warnings.join("\n"),
    /02: left out: shorter than 0.1 s\n.*this recording twice\n.*song.wav: left out/,
  );
});

test("RAVDESS: a damaged recording and an archive of something else are refused", async () => {
  const name = "Actor_01/03-01-01-01-01-01-01.wav";
  const damaged = file("damaged.zip", zipBytes([{ name, bytes: wav(1).subarray(0, 500) }]));
  await assert.rejects(items("ravdess", [damaged]), refusal(/damaged.zip: Actor_01.*wav: .*truncated/));
  await assert.rejects(
    items("ravdess", [file("other.zip", zipBytes([{ name: "a", bytes: wav(1) }]))]),
    refusal(/holds no recording/),
  );
  const actor = file("actor.zip", zipBytes([{ name: "03-01-01-01-01-01-99.wav", bytes: wav(1) }]));
  await assert.rejects(items("ravdess", [actor]), refusal(/names actor 99 of 24/));
});

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
  assert.deepEqual((await items("ag-news", paths)).map(told), expected);
  const packed = ["test", "train"].map((name) => ({
    name: `ag_news_csv/${name}.csv`,
    bytes: Buffer.from(name === "test" ? test : train),
  }));
  const archive = file("ag.tar.gz", gzipSync(tarBytes(packed)));
  assert.deepEqual((await items("ag-news", [archive])).map(told), expected);
  assert.deepEqual((await items("ag-news", [archive], { split: "test" })).map(told), expected.slice(2));
});

test("AG News: wrong or missing classes, columns and files are refused with the row", async () => {
  const csv = (text: string) => items("ag-news", [file("bad/train.csv", text), file("bad/test.csv", text)]);
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
  await assert.rejects(items("ag-news", [archive]), refusal(/half.tar.gz: holds no test.csv/));
  const cut = file(
    "cut.tar.gz",
    gzipSync(tarBytes([{ name: "train.csv", bytes: Buffer.from(`"1","a","b`) }])),
  );
  await assert.rejects(items("ag-news", [cut]), refusal(/train.csv: not a readable CSV file/));
  const torn = gzipSync(
    tarBytes([{ name: "train.csv", bytes: Buffer.from(`"1","a","b"\n`.repeat(9_999)) }]),
  ).subarray(0, -20);
  await assert.rejects(
    items("ag-news", [file("torn.tar.gz", torn)]),
    refusal(/torn.tar.gz: not a readable archive/),
  );
});

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
  const read = await items("cifar-100", [archive]);
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
    items("cifar-100", [cut]),
    refusal(/cut-cifar.tar.gz: train.bin: .*record 0 has 3073 of 3074 bytes/),
  );
});

test("an unknown data set is refused with the list", () => {
  assert.throws(
    () => datasetNamed("mnist"),
    /unknown data set "mnist": choose one of iemocap, ravdess, ag-news, cifar-100/,
  );
});
