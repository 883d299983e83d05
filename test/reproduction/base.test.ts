/** Preset `base` from nothing but raw data and a hub: fetches, extracts, trains every decoder and publishes, on a few items. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { after, before, describe, it } from "node:test";
import { newsTopics } from "#src/datasets/classes.js";
import { withLocalData } from "#src/experiments/run/local-data.js";
import { methods } from "#src/experiments/plan/methods.js";
import { findPreset } from "#src/experiments/plan/presets.js";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import { loadFeatures } from "#src/features/load.js";
import { provide } from "#src/features/provide.js";
import { CIFAR_RECORD } from "#src/formats/cifar.js";
import { tarBytes, zipBytes } from "#src/fuzz/samples.js";
import { freshFolder, refusal } from "../support/files.js";
import { FakeHub, folderFiles, useHub } from "../support/hub.js";
import { wav } from "../support/items.js";

const served = {
  "microsoft/wavlm-base-plus": "wavlm-mini",
  "HuggingFaceTB/SmolLM2-135M": "llama-mini",
  "microsoft/beit-base-patch16-224": "beit-mini",
};
const ITEMS = 4;
const data = freshFolder();
const { DAAM_DATA, DAAM_MIRROR, DAAM_HOME } = process.env;
let fake: FakeHub;
let home: string;
let restore: () => void;

before(async () => {
  fake = await FakeHub.start(
    Object.fromEntries(
      Object.entries(served).map(([name, folder]) => [
        name,
        { files: folderFiles(join("data/encoders", folder)) },
      ]),
    ),
  );
  home = freshFolder();
  restore = useHub(fake.endpoint, join(home, "hf"));
  Object.assign(process.env, { DAAM_HOME: home, DAAM_DATA: data });
  putData();
});
after(() => {
  fake.stop();
  restore();
  for (const [name, value] of Object.entries({ DAAM_DATA, DAAM_MIRROR, DAAM_HOME }))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

/** A few items of each data set, in the layout of its archive. */
function putData(): void {
  const clips = [1, 2, 3, 4, 5].flatMap((actor) =>
    ["01", "03", "04", "05"].map((emotion) => ({
      name: `Actor_0${actor}/03-01-${emotion}-01-01-01-0${actor}.wav`,
      bytes: wav(1),
    })),
  );
  writeFileSync(join(data, "Audio_Speech_Actors_01-24.zip"), zipBytes(clips));
  const rows = Array.from({ length: 12 }, (_, i) => `"${1 + (i % 4)}","News","${"words ".repeat(2 + i)}"\n`);
  for (const name of ["train.csv", "test.csv"]) writeFileSync(join(data, name), rows.join(""));
  const image = (i: number) => Buffer.concat([Buffer.from([0, i]), Buffer.alloc(CIFAR_RECORD - 2, 20 * i)]);
  const images = Buffer.concat(Array.from({ length: 6 }, (_, i) => image(i)));
  const archive = ["train", "test"].map((split) => ({
    name: `cifar-100-binary/${split}.bin`,
    bytes: images,
  }));
  writeFileSync(join(data, "cifar-100-binary.tar.gz"), gzipSync(tarBytes(archive)));
}

async function daam(...args: string[]): Promise<{ status: number; said: string }> {
  const child = spawn(process.execPath, ["dist/cli.js", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [status] = (await once(child, "close")) as [number];
  return { status, said };
}

describe("preset base", () => {
  it("lists all that is missing before anything is fetched", async () => {
    const paper = Object.values(findPreset("paper").tasks).map(({ extraction }) => extraction!);
    process.env.DAAM_MIRROR = "http://127.0.0.1:9/";
    process.env.DAAM_DATA = freshFolder();
    await assert.rejects(
      provide(paper, { attempts: 1, pause: 1 }),
      refusal(
        /^nothing is fetched, since .*microsoft\/wavlm-large.*Llama-2-13b-hf is gated.*microsoft\/beit-large.*IEMOCAP is not in.*AG News is not there .*csv cannot be reached: .*CIFAR-100 is not there .*cannot be reached: /,
      ),
    );
    delete process.env.DAAM_MIRROR;
    process.env.DAAM_DATA = data;
    const base = { dataset: "ag-news", encoder: "smollm2-135m" };
    await assert.rejects(
      provide([base, { dataset: "iemocap", encoder: "wavlm-base-plus" }]),
      refusal(
        /IEMOCAP is not in .*; smollm2-135m: [\d.]+ MB from http.* could be fetched; wavlm-base-plus: /,
      ),
    );
    assert.deepEqual(fake.fetched, []);
  });

  it("takes IEMOCAP where it is here", async () => {
    const dataset = async () => (await withLocalData(findPreset("base"))).tasks.speech!.extraction!.dataset;
    assert.equal(await dataset(), "ravdess");
    process.env.DAAM_DATA = freshFolder();
    mkdirSync(join(process.env.DAAM_DATA, "IEMOCAP/Session1/dialog/EmoEvaluation"), { recursive: true });
    assert.equal(await dataset(), "iemocap");
    process.env.DAAM_DATA = data;
  });

  it("fetches, extracts, trains and publishes; everything names the commits", async () => {
    const { status, said } = await daam("run", "--preset", `base-${ITEMS}`);
    assert.equal(status, 0, said);
    for (const [repository, folder] of Object.entries(served)) {
      const commit = fake.commit(repository);
      assert.match(
        said,
        new RegExp(`to fetch: \\S+: [\\d.]+ MB from http.*/${repository}, commit ${commit}, into`),
      );
      const fetched = fake.seen.filter(({ path }) => path.includes(`/cdn/${repository}/model.safetensors`));
      assert.equal(fetched.length, 1, folder);
    }
    const results = join(home, "results", `base-${ITEMS}`);
    const readme = readFileSync(join(results, "README.md"), "utf8");
    const published = new PublishedCells(results);
    const decoders = methods.filter(({ fineTuning, budget }) => !fineTuning && !budget);
    for (const [task, repository] of Object.entries({
      speech: "microsoft/wavlm-base-plus",
      text: "HuggingFaceTB/SmolLM2-135M",
      vision: "microsoft/beit-base-patch16-224",
    })) {
      const commit = fake.commit(repository);
      assert.ok(readme.includes(`- ${task}: hidden states of ${repository} at commit ${commit}\n`));
      for (const { name } of decoders) {
        const { config } = published.read(`${task}/${name}/run-1`)!;
        assert.equal(config.encoder, `${repository}@${commit}`);
      }
    }
    assert.match(readme, /A rehearsal of base: 4 items of each split or fold/);
  });

  it("records the commit in the hidden states, and takes a repository's name for them", async () => {
    const name = "HuggingFaceTB/SmolLM2-135M";
    const target = join(home, "text.safetensors");
    const before = fake.seen.length;
    const command = ["features", "--task", "text", "--preset", `base-${ITEMS}`, "--encoder", name];
    const { status, said } = await daam(...command, "--export", target);
    assert.equal(status, 0, said);
    const { about, items } = loadFeatures(target, newsTopics.length);
    assert.equal(items, 2 * ITEMS);
    const commit = fake.commit(name);
    assert.deepEqual([about.encoder, about.repository, about.commit], ["smollm2-135m", name, commit]);
    assert.equal(fake.seen.length, before, "nothing is asked of the hub again");
    assert.doesNotMatch(said, /through/, "the hidden states that the run made are taken");
  });

  it("is inspected by name, here and on the hub", async () => {
    const here = await daam("inspect", "smollm2-135m");
    assert.equal(here.status, 0, here.said);
    assert.match(
      here.said,
      new RegExp(`^smollm2-135m: commit ${fake.commit("HuggingFaceTB/SmolLM2-135M")}, in /`),
    );
    fake.repositories["lab/other"] = { files: folderFiles("data/encoders/beit-mini") };
    const there = await daam("inspect", "lab/other");
    assert.equal(there.status, 0, there.said);
    assert.match(
      there.said,
      /not here: npx daam encoders fetch lab\/other fetches [\d.]+ MB\n.*model beit, 12 layers, 128 features\n/,
    );
    const list = await daam("encoders");
    assert.match(
      list.said,
      /^wavlm-large .* not here\nwavlm-base-plus .*models--microsoft--wavlm-base-plus\/snapshots\//m,
    );
    assert.match(
      (await daam("inspect", "lab/nothing")).said,
      /^lab\/nothing: error: .*has no repository lab\/nothing/,
    );
  });
});
