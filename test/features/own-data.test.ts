/** Extraction from small data of a user's own, through the shipped encoders: what is odd about it is told, and what is left of a run that ends early. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose.js";
import { extractFeatures, plannedFile, type ExtractOptions } from "#src/features/extract.js";
import { readHeader } from "#src/formats/safetensors.js";
import { refusal, temporaryFolder } from "../support/files.js";
import { wav } from "../support/items.js";

const { root, file } = temporaryFolder();
const cache = join(root, "cache");
const { DAAM_DATA } = process.env;

before(async () => {
  await chooseBackend();
});
after(() => {
  if (DAAM_DATA === undefined) delete process.env.DAAM_DATA;
  else process.env.DAAM_DATA = DAAM_DATA;
});

/** Extracts from the raw data in `data`. */
function extract(data: string, settings: object, options: Partial<ExtractOptions> = {}): Promise<string> {
  process.env.DAAM_DATA = join(root, data);
  return extractFeatures(
    { ...(data.startsWith("news") ? news : speech), ...settings },
    { cache, ...options },
  );
}
const speech = { dataset: "iemocap", encoder: "data/encoders/wavlm-mini" };
const news = { dataset: "ag-news", encoder: "data/encoders/llama-mini", maxTokens: 64 };

/** One dialogue in IEMOCAP's layout: emotion and seconds of each turn; a turn without an emotion is not labelled. */
function dialogue(
  data: string,
  session: number,
  turns: [emotion: string | undefined, seconds: number][],
): void {
  const name = `Ses0${session}F_impro01`;
  const folder = `${data}/iemocap/Session${session}`;
  let labels = "% comment\n";
  for (const [i, [emotion, seconds]] of turns.entries()) {
    const turn = `${name}_F00${i}`;
    if (emotion) labels += `[1.0000 - 2.0000]\t${turn}\t${emotion}\t[2.5000, 2.5000, 2.5000]\n`;
    file(`${folder}/sentences/wav/${name}/${turn}.wav`, wav(seconds));
  }
  file(`${folder}/dialog/EmoEvaluation/${name}.txt`, labels);
}

const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => `"${1 + (i % 4)}","","${"word ".repeat(1 + (i % 9))}"\n`).join("");
file("news/train.csv", rows(20));
file("news/test.csv", rows(4));

test("data without a usable item is refused with the reasons, and nothing is left in the cache", async () => {
  dialogue("short", 1, [["neu", 0.01]]);
  const warnings: string[] = [];
  await assert.rejects(
    extract("short", {}, { warn: (line) => warnings.push(line) }),
    refusal(
      /iemocap: no item of a class of IEMOCAP is usable \(Ses01F_impro01_F000: left out: shorter than 0.1 s; .*Session2: missing.* and 2 more\)/,
    ),
  );
  assert.equal(warnings.length, 5);
  dialogue("unlabelled", 1, [["xxx", 0.5]]);
  await assert.rejects(extract("unlabelled", {}), refusal(/no item .* is usable .*Session2: missing/));
  const badRate = file("slow/preprocessor_config.json", '{"sampling_rate": 8000}');
  for (const name of readdirSync(speech.encoder))
    if (name !== "preprocessor_config.json") file(`slow/${name}`, readFileSync(join(speech.encoder, name)));
  dialogue("good", 1, [["neu", 0.5]]);
  await assert.rejects(
    extract("good", { encoder: dirname(badRate) }),
    refusal(/preprocessor_config.json: sampling_rate is 8000, clips have 16000 Hz: correct it, or choose/),
  );
  assert.deepEqual(readdirSync(cache), []);
});

test("what is left out after the last wanted item is told too, once", async () => {
  dialogue("two", 1, [["neu", 0.5]]);
  dialogue("two", 2, [
    ["ang", 0.01],
    [undefined, 0.5],
  ]);
  const warnings: string[] = [];
  await extract("two", { limit: 1 }, { warn: (line) => warnings.push(line) });
  assert.deepEqual(
    warnings.map((line) => /shorter|M?F001.wav: left out|Session\d: missing/.exec(line)?.[0]),
    ["shorter", "F001.wav: left out", "Session3: missing", "Session4: missing", "Session5: missing"],
  );
});

test("a corpus that is edited in place is extracted anew", async () => {
  dialogue("edited", 1, [["neu", 0.5]]);
  const first = await extract("edited", {});
  dialogue("edited", 1, [["ang", 0.5]]);
  assert.notEqual(await extract("edited", {}), first);
});

test("goes on at a whole batch, to the same bytes, where the list of items was cut within one", async () => {
  const whole = await extract("news", {});
  const bytes = readFileSync(whole);
  rmSync(dirname(whole), { recursive: true });
  const stop = (done: number) => {
    if (done >= 16) throw new Error("stopped");
  };
  await assert.rejects(extract("news", {}, { onProgress: stop }), /stopped/);
  const list = join(dirname(whole), "items.jsonl");
  writeFileSync(list, readFileSync(list, "utf8").split("\n").slice(0, 10).join("\n") + "\n");
  const seen: number[] = [];
  await extract("news", {}, { onProgress: (done) => seen.push(done) });
  // and between these, as layers are passed
  assert.ok(seen.every((done, i) => done > (seen[i - 1] ?? -1)));
  assert.deepEqual(seen.filter(Number.isInteger), [0, 16, 24]);
  assert.ok(bytes.equals(readFileSync(whole)));
});

test("a finished file that is damaged is named and made again, from the first item that is", async () => {
  const path = await extract("news", {});
  const whole = readFileSync(path);
  const list = join(dirname(path), "items.jsonl");
  const items = readFileSync(list);
  const record = (readHeader(path).entries.get("features")!.end - 4096) / 24;
  const flipped = (at: number) => {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 16;
    return bytes;
  };
  const text = whole.indexOf("AG News");
  for (const [name, damaged, from] of [
    ["cut off", whole.subarray(0, whole.length - 10), 24],
    ["an item", flipped(4096 + 20 * record + 7), 16],
    ["the first", flipped(4096), 0],
    ["a label", flipped(whole.length - 6), 24],
    ["its own words", flipped(text), 24],
    ["its header", flipped(9), 24],
  ] as const) {
    writeFileSync(path, damaged);
    const warnings: string[] = [];
    const seen: number[] = [];
    await extract("news", {}, { warn: (line) => warnings.push(line), onProgress: (done) => seen.push(done) });
    assert.ok(whole.equals(readFileSync(path)) && items.equals(readFileSync(list)), name);
    assert.equal(seen[0], from, name);
    assert.match(warnings.join(), /^.*features.safetensors is damaged \(.*made again$/, name);
  }
  writeFileSync(path, whole);
  writeFileSync(list, items.subarray(0, 500));
  await extract("news", {});
  assert.ok(whole.equals(readFileSync(path)) && items.equals(readFileSync(list)));
});

test("a run that breaks off before its first item leaves no folder", async () => {
  const stop = () => {
    throw new Error("stopped");
  };
  await assert.rejects(extract("news", { limit: 3 }, { onProgress: stop }), /stopped/);
  const { folder } = await plannedFile({ ...news, limit: 3 }, cache);
  assert.ok(!existsSync(folder));
});
