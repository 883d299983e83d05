import assert from "node:assert/strict";
import { basename, join, relative } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { datasetNamed, fingerprint, type Item, locate } from "#src/datasets/index.js";
import { CIFAR_RECORD } from "#src/formats/cifar.js";
import { cifarPickleBytes, streamedWavBytes, tarBytes, zipBytes } from "#src/fuzz/samples.js";
import { all, refusal, temporaryFolder } from "../support/files.js";
import { wav } from "../support/items.js";

/** Data sets as they lie about: under other names, nested, unpacked, packed otherwise; and what is said of what is none. */

interface Named {
  name: string;
  bytes: Buffer;
}
const named = (name: string, bytes: Buffer | string): Named => ({ name, bytes: Buffer.from(bytes) });
const { root, file } = temporaryFolder();
let places = 0;

/** A folder of these files, looked into as DAAM_DATA without any fetching. */
function place(...files: Named[]) {
  const folder = join(root, `place-${places++}`);
  for (const { name, bytes } of files) file(relative(root, join(folder, name)), bytes);
  file(relative(root, join(folder, "readme.txt")), "other files may lie there");
  const empty = join(root, `empty-${places}`);
  const options = { env: { DAAM_DATA: folder }, root: empty, fetch: false };
  return {
    folder,
    paths: async (set: string) =>
      (await locate(datasetNamed(set), options)).map((path) => relative(folder, path)),
    items: async (set: string): Promise<Item[]> => {
      const dataset = datasetNamed(set);
      return all(dataset.items(await locate(dataset, options)));
    },
    refused: (set: string, why: RegExp) => assert.rejects(locate(datasetNamed(set), options), refusal(why)),
  };
}
const told = (items: Item[]) => items.map(({ id, label }) => `${id} ${label}`);

const record = (fine: number) =>
  Buffer.concat([Buffer.from([0, fine]), Buffer.alloc(CIFAR_RECORD - 2, fine)]);
const binary = [named("train.bin", Buffer.concat([record(3), record(9)])), named("test.bin", record(99))];
const python = [named("train", cifarPickleBytes([3, 9])), named("test", cifarPickleBytes([99]))];
const cifarItems = ["train/0 3", "train/1 9", "test/0 99"];
const news = [named("train.csv", '"3","A","B"\n"4","C","D"\n'), named("test.csv", '"1","E","F"\n')];
const newsItems = ["train/0 2", "train/1 3", "test/0 0"];
const speech = ["01", "02"].map((actor) => named(`Actor_${actor}/03-01-05-01-01-01-${actor}.wav`, wav(1)));
const speechItems = ["03-01-05-01-01-01-01#0 3", "03-01-05-01-01-01-02#0 3"];
const turn = "[1.0000 - 2.0000]\tSes01F_impro01_F000\tsad\t[2.5, 2.5, 2.5]\n";
const emo = [
  named("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", turn),
  named("Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav", wav(1)),
];
const emoItems = ["Ses01F_impro01_F000#0 0"];

const within = (folder: string, files: Named[]) =>
  files.map(({ name, bytes }) => named(`${folder}/${name}`, bytes));
const upper = (files: Named[]) => files.map(({ name, bytes }) => named(name.toUpperCase(), bytes));
const packed = (name: string, files: Named[]) =>
  named(
    name,
    /zip$/i.test(name) ? zipBytes(files) : /gz$/i.test(name) ? gzipSync(tarBytes(files)) : tarBytes(files),
  );

const found: [what: string, set: string, files: Named[], paths: string[], items: string[]][] = [];
const finds = (set: string, items: string[], cases: Record<string, [files: Named[], paths: string[]]>) => {
  for (const [what, [files, paths]] of Object.entries(cases)) found.push([what, set, files, paths, items]);
};
finds("ag-news", newsItems, {
  "a folder in capitals": [
    upper(within("ag_news_csv", news)),
    ["AG_NEWS_CSV/TRAIN.CSV", "AG_NEWS_CSV/TEST.CSV"],
  ],
  "files in capitals": [upper(news), ["TRAIN.CSV", "TEST.CSV"]],
  "a tgz": [[packed("ag_news_csv.tgz", within("ag_news_csv", news))], ["ag_news_csv.tgz"]],
  "a tar": [[packed("ag_news_csv.tar", news)], ["ag_news_csv.tar"]],
  "a zip in capitals": [[packed("AG_NEWS_CSV.ZIP", upper(news))], ["AG_NEWS_CSV.ZIP"]],
  "a folder of another name": [within("AG-News/v1", news), ["AG-News/v1/train.csv", "AG-News/v1/test.csv"]],
  "an archive of another name": [[packed("agnews (1).zip", news)], ["agnews (1).zip"]],
  "Kaggle's name": [[packed("archive.zip", news)], ["archive.zip"]],
});
finds("cifar-100", cifarItems, {
  "an unpacked folder": [
    within("cifar-100-binary", binary),
    ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"],
  ],
  "files beside each other, in capitals": [upper(binary), ["TRAIN.BIN", "TEST.BIN"]],
  "a tgz": [[packed("cifar-100-binary.tgz", binary)], ["cifar-100-binary.tgz"]],
  "a zip of another name": [[packed("CIFAR100.zip", within("data", binary))], ["CIFAR100.zip"]],
  "the Python version": [
    [packed("cifar-100-python.tar.gz", within("cifar-100-python", python))],
    ["cifar-100-python.tar.gz"],
  ],
  "the Python version's folder": [
    within("cifar-100-python", python),
    ["cifar-100-python/train", "cifar-100-python/test"],
  ],
  "the Python version under Kaggle's name": [[packed("archive (2).zip", python)], ["archive (2).zip"]],
  "the binary version before the other": [
    [...within("cifar-100-python", python), packed("cifar-100-binary.tar", binary)],
    ["cifar-100-binary.tar"],
  ],
});
finds("ravdess", speechItems, {
  "a folder": [within("RAVDESS", speech), ["RAVDESS"]],
  "actors beside each other": [speech, [""]],
  "the archive's folder": [within("Audio_Speech_Actors_01-24", speech), ["Audio_Speech_Actors_01-24"]],
  "a folder in a folder, in capitals": [
    upper(within("ravdess/audio_speech_actors_01-24", speech)),
    ["RAVDESS/AUDIO_SPEECH_ACTORS_01-24"],
  ],
  "the doubled copy": [
    [...within("archive", speech), ...within("archive/audio_speech_actors_01-24", speech)],
    ["archive"],
  ],
  "recordings without folders": [
    within(
      "ravdess",
      speech.map(({ name, bytes }) => named(basename(name), bytes)),
    ),
    ["ravdess"],
  ],
  "an archive of another name": [[packed("ravdess.zip", within("x", speech))], ["ravdess.zip"]],
  "a doubled archive under Kaggle's name": [
    [packed("archive.zip", [...speech, ...within("audio_speech_actors_01-24", speech)])],
    ["archive.zip"],
  ],
  "the only archive there": [[packed("download.tar.gz", speech)], ["download.tar.gz"]],
  "recordings of a pipe": [
    within(
      "ravdess",
      speech.map(({ name, bytes }) => named(name, streamedWavBytes(bytes))),
    ),
    ["ravdess"],
  ],
});
finds("iemocap", emoItems, {
  "one folder deeper": [within("IEMOCAP/IEMOCAP_full_release", emo), ["IEMOCAP/IEMOCAP_full_release"]],
  "without videos": [
    within("IEMOCAP_full_release_withoutVideos", emo),
    ["IEMOCAP_full_release_withoutVideos"],
  ],
  "without videos, one folder deeper": [
    within("IEMOCAP_full_release_withoutVideos/IEMOCAP_full_release", emo),
    ["IEMOCAP_full_release_withoutVideos/IEMOCAP_full_release"],
  ],
});
for (const [what, set, files, paths, items] of found)
  test(`${set}: ${what}`, async () => {
    const there = place(...files);
    assert.deepEqual(await there.paths(set), paths);
    const read = await there.items(set);
    const ids = told(read).map((line) => line.replace(/^(03-.*|ses.*)(#0.*)$/i, "$1$2"));
    assert.deepEqual(ids, items);
  });

test("IEMOCAP with names in capitals", async () => {
  const there = place(...upper(within("IEMOCAP", emo)));
  assert.deepEqual(told(await there.items("iemocap")), emoItems);
});

test("the official files come first, wherever else something lies", async () => {
  const there = place(...within("ag_news", news), packed("archive.zip", news), ...news);
  assert.deepEqual(await there.paths("ag-news"), ["train.csv", "test.csv"]);
});

test("an archive is looked into only where its name hints at it, or it is the only one", async () => {
  const there = place(packed("one.zip", speech), packed("two.zip", speech));
  await there.refused("ravdess", /^RAVDESS speech is not there/);
  await place(packed("only.zip", news)).refused("ag-news", /^AG News is not there/);
});

test("a folder's fingerprint is of its recordings, not of where it lies", async () => {
  const print = async (files: Named[]) => {
    const { folder, paths } = place(...files);
    const [path] = await paths("ravdess");
    return fingerprint(datasetNamed("ravdess"), [join(folder, path!)]);
  };
  const one = await print(within("RAVDESS", speech));
  assert.equal(await print(within("ravdess/Audio_Speech_Actors_01-24", speech)), one);
  assert.notEqual(await print(within("RAVDESS", speech.slice(1))), one);
});

const zip = packed("a.zip", speech).bytes;
const misses: [what: string, set: string, files: Named[], why: RegExp][] = [
  [
    "songs instead of speech",
    "ravdess",
    [packed("Audio_Song_Actors_01-24.zip", [named("Actor_01/03-02-01-01-01-01-01.wav", wav(1))])],
    /^RAVDESS speech: .*Audio_Song_Actors_01-24.zip is an archive that holds Actor_01\/03-02-.*; wanted is Audio_Speech_Actors_01-24.zip, or .*; otherwise: .*fetch https/,
  ],
  [
    "a folder of videos",
    "ravdess",
    within("RAVDESS", [named("Video_Speech_Actor_01/01-01.mp4", "x")]),
    /RAVDESS is a folder that holds Video_Speech_Actor_01; wanted is/,
  ],
  [
    "a browser's unfinished download",
    "ravdess",
    [named("Audio_Speech_Actors_01-24.zip.crdownload", zip.subarray(0, 900))],
    /zip.crdownload is an unfinished download of 900 bytes: let it finish.*; wanted is/,
  ],
  [
    "half a zip",
    "ravdess",
    [named("Audio_Speech_Actors_01-24.zip", zip.subarray(0, 900))],
    /01-24.zip is the beginning of a zip \(900 bytes, its end is missing\)/,
  ],
  [
    "a web page",
    "cifar-100",
    [named("cifar-100-binary.tar.gz", "<!doctype html><title>404</title>")],
    /^CIFAR-100: .*tar.gz is an HTML page \("404"\), not the file.*; wanted is cifar-100-binary.tar.gz, or/,
  ],
  [
    "CIFAR-10",
    "cifar-100",
    [packed("cifar-10-binary.tar.gz", [named("cifar-10-batches-bin/data_batch_1.bin", "x")])],
    /cifar-10-binary.tar.gz is an archive that holds cifar-10-batches-bin\/data_batch_1.bin; wanted is/,
  ],
  [
    "git-LFS pointers",
    "ag-news",
    within("ag_news_csv", [
      named("train.csv", "version https://git-lfs.github.com/spec/v1\nsize 29470338\n"),
      news[1]!,
    ]),
    /train.csv is a git-LFS pointer, not the file of 29470338 bytes itself: run `git lfs pull`/,
  ],
  [
    "Parquet",
    "ag-news",
    [named("ag_news.parquet", "PAR1")],
    /ag_news.parquet is an Apache Parquet file, which is not read: export it as CSV; wanted is train.csv and test.csv/,
  ],
  [
    "half of the files",
    "cifar-100",
    within("cifar-100-python", python.slice(1)),
    /^CIFAR-100: .*cifar-100-python\/train is missing beside .*python\/test: put it there; otherwise: /,
  ],
  [
    "IEMOCAP packed",
    "iemocap",
    [packed("IEMOCAP_full_release_withoutVideos.tar.gz", emo)],
    /^IEMOCAP: .*withoutVideos.tar.gz is an archive: unpack it \(tar -xf IEMOCAP_full_release_withoutVideos.tar.gz\); wanted is the folder .*; else ask for it at/,
  ],
  [
    "IEMOCAP without its sessions",
    "iemocap",
    within("IEMOCAP_full_release", [named("README.txt", "x")]),
    /IEMOCAP_full_release is a folder that holds README.txt; wanted is the folder IEMOCAP_full_release with Session1/,
  ],
];
for (const [what, set, files, why] of misses)
  test(`${set}: ${what} is told before a download is offered`, async () => {
    await place(...files).refused(set, why);
  });

test("what lies there is told before a download starts, and what lies in its place is not overwritten", async () => {
  const { folder } = place(
    packed("Audio_Song_Actors_01-24.zip", [named("a/03-02-01-01-01-01-01.wav", wav(1))]),
  );
  const lines: string[] = [];
  const options = {
    env: { DAAM_DATA: folder, DAAM_MIRROR: "http://127.0.0.1:1" },
    connection: { attempts: 1, pause: 1 },
    warn: (line: string) => lines.push(line),
  };
  await assert.rejects(
    locate(datasetNamed("ravdess"), { ...options, root: join(root, "own") }),
    refusal(/^RAVDESS speech: .*Song.*; otherwise: RAVDESS speech: http:\/\/127.0.0.1:1.*cut off/),
  );
  assert.match(
    lines.join("\n"),
    /^RAVDESS speech: .*Audio_Song.* holds a\/03-02-.*; wanted is .*; otherwise it is fetched$/,
  );
  const page = file("own/data/raw/cifar-100-binary.tar.gz", "<html>");
  await assert.rejects(
    locate(datasetNamed("cifar-100"), { ...options, root: join(root, "own") }),
    refusal(
      new RegExp(`^CIFAR-100: ${page} is an HTML page.*; otherwise: remove ${page}, and it is fetched$`),
    ),
  );
});
