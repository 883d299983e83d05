import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { writeWhole } from "#src/files.js";
import { methods } from "#src/experiments/plan/methods.js";
import { chosenRates, readSearch, searchPath, type Trial } from "#src/experiments/plan/rates.js";
import { planCells, type Scope } from "#src/experiments/plan/cells.js";
import { findPreset, presets } from "#src/experiments/plan/presets.js";
import { search, unsearched } from "#src/experiments/run/search.js";
import type { Preset } from "#src/experiments/types.js";
import { tune, tuneLock } from "#src/experiments/run/tune.js";
import { CellStore } from "#src/experiments/outcome/store.js";
import { runFolder } from "#src/folders.js";
import { searchNote, searchTable } from "#src/report/tables/search.js";
import { refusal } from "../../support/files.js";

const trial = (method: string, rate: number, last: number, task = "text"): Trial => ({
  task,
  method,
  rate,
  last,
  best: 1,
});
const trials = [
  trial("daam-v1", 1e-3, 0.7),
  trial("daam-v1", 3e-3, 0.8),
  trial("mixture", 3e-3, 0.6),
  trial("mixture", 3e-4, 0.7),
  trial("daam-v1", 3e-4, 0.9, "vision"),
];

describe("rates", () => {
  it("are those of the highest held-out accuracy by the last epoch", () =>
    assert.deepEqual(chosenRates(trials), {
      text: { "daam-v1": 3e-3, mixture: 3e-4 },
      vision: { "daam-v1": 3e-4 },
    }));

  it("are the middle one where all are as good", () => {
    const equal = [3e-4, 1e-3, 3e-3].map((rate) => trial("mha", rate, 0.25));
    assert.deepEqual(chosenRates(equal), { text: { mha: 1e-3 } });
    const ends = [...equal.filter(({ rate }) => rate !== 1e-3), trial("mha", 1e-3, 0.2)];
    assert.deepEqual(chosenRates(ends), { text: { mha: 3e-4 } });
  });

  it("go into the cells of their rows, their ablations' variants among them, and nowhere else", () => {
    const info = { layers: 12, features: 128, id: "made 0" };
    const plan = (rates = {}) =>
      planCells(findPreset("small"), { text: info, vision: info }, () => undefined, rates);
    const [plain, with_] = [plan(), plan(chosenRates(trials))];
    const moved = with_.filter(({ config }, i) => config?.learningRate !== plain[i]!.config?.learningRate);
    const names = (task: string) => [...new Set(moved.filter((c) => c.task === task).map((c) => c.method))];
    const byDaam = ["daam-v1", "heads-2", "heads-3", "heads-6", "only-offset", "only-variance", "frozen"];
    assert.deepEqual(
      names("text").sort(),
      [...byDaam, "gaussians-1", "gaussians-2", "gaussians-8", "mixture"].sort(),
    );
    assert.deepEqual(names("vision").sort(), byDaam.sort());
    assert.ok(
      moved.every(
        ({ task, config, method }) =>
          config!.learningRate === (task === "vision" || /mixture|gaussians/.test(method) ? 3e-4 : 3e-3),
      ),
    );
  });

  it("that cannot be read are refused, those that are not there are none", () => {
    const before = process.env.DAAM_HOME;
    const home = mkdtempSync(join(tmpdir(), "daam-rates-"));
    process.env.DAAM_HOME = home;
    try {
      assert.deepEqual(readSearch("small"), []);
      for (const damaged of ["[{", "{}"]) {
        writeWhole(searchPath("small"), damaged);
        const named = /small\/search\.json cannot be read .*git checkout -- .*small\/search\.json/;
        assert.throws(() => readSearch("small"), refusal(named));
      }
    } finally {
      if (before === undefined) delete process.env.DAAM_HOME;
      else process.env.DAAM_HOME = before;
      rmSync(home, { recursive: true });
    }
  });

  it("stand in a table with the chosen one marked", () => {
    const table = searchTable(
      trials.filter(({ task }) => task === "text"),
      methods,
      { "daam-v1": 3e-3, mixture: 3e-4 },
    );
    assert.deepEqual(table, {
      columns: ["method", "0.0003", "0.001", "0.003"],
      rows: [
        ["DAAMv1", "–", "70.0", "**80.0**"],
        ["Mixture of DAAM", "**70.0**", "–", "60.0"],
      ],
    });
  });
});

describe("a search", () => {
  const home = mkdtempSync(join(tmpdir(), "daam-search-"));
  const outside = process.env.DAAM_HOME;
  // the features of quick are shipped: its rows choose here, in this process alone
  const quick = findPreset("quick") as Preset;
  const tasksLeft = () => unsearched("quick", { tasks: ["text", "vision"] }).map(({ task }) => task);
  before(() => {
    process.env.DAAM_HOME = home;
    quick.rates = [1e-3, 3e-3];
  });
  after(() => {
    delete quick.rates;
    if (outside === undefined) delete process.env.DAAM_HOME;
    else process.env.DAAM_HOME = outside;
    rmSync(home, { recursive: true });
  });

  it("trains every row at every rate on held-out items and is not asked for again", async () => {
    const log = join(home, "log");
    // without raw data quick has neither LoRA nor rows at its budget
    const decoders = methods.filter(({ fineTuning, budget }) => !fineTuning && !budget);
    process.env.FAKE_LOG = log;
    const trainer = new URL("../fake-trainer.js", import.meta.url).href;
    assert.deepEqual(tasksLeft(), ["text", "vision"]);
    await search("quick", { tasks: ["text"], trainer, jobs: 1, say: () => {} });
    delete process.env.FAKE_LOG;
    assert.equal(readFileSync(log, "utf8").trim().split("\n").length, 2 * decoders.length);
    assert.deepEqual(tasksLeft(), ["vision"]);
    const found = readSearch("quick");
    assert.deepEqual(new Set(found.map(({ rate }) => rate)), new Set([1e-3, 3e-3]));
    assert.deepEqual(new Set(found.map(({ method }) => method)), new Set(decoders.map(({ name }) => name)));
    assert.ok(found.every(({ task }) => task === "text"));
  });

  it("keeps what other tasks have chosen", async () => {
    writeWhole(searchPath("quick"), JSON.stringify(trials.filter(({ task }) => task === "vision")));
    const trainer = new URL("../fake-trainer.js", import.meta.url).href;
    await search("quick", { tasks: ["text"], trainer, jobs: 1, say: () => {} });
    assert.deepEqual(new Set(readSearch("quick").map(({ task }) => task)), new Set(["vision", "text"]));
  });

  it("of some rows leaves what others have chosen, in the order of the tables", async () => {
    writeWhole(
      searchPath("quick"),
      JSON.stringify([trials[1], trials[4], trials[0], trial("mha", 3e-3, 0.9)]),
    );
    const trainer = new URL("../fake-trainer.js", import.meta.url).href;
    await search("quick", { tasks: ["text"], methods: ["mha"], trainer, jobs: 1, say: () => {} });
    const found = readSearch("quick").map(({ task, method, rate }) => `${task} ${method} ${rate}`);
    const mha = ["text mha 0.001", "text mha 0.003"];
    assert.deepEqual(found, [...mha, "text daam-v1 0.003", "text daam-v1 0.001", "vision daam-v1 0.0003"]);
    const [left] = unsearched("quick", { tasks: ["text"] });
    assert.deepEqual(left!.methods.slice(0, 3), ["mha-bn", "daam-v2", "gqdaam"]);
    const rowsOf = (scope: Scope) => unsearched("quick", { tasks: ["text"], ...scope })[0]?.methods;
    assert.equal(rowsOf({ methods: ["mha"] }), undefined);
    assert.deepEqual(rowsOf({ methods: ["mha", "mixture"] }), ["mixture"]);
    assert.deepEqual(rowsOf({ part: "robustness" })?.slice(0, 2), ["daam-v2", "mixture"]);
    assert.deepEqual(rowsOf({ methods: ["frozen"] }), left!.methods);
    assert.deepEqual(rowsOf({ part: "ablations" }), left!.methods);
    const variant = search("quick", { tasks: ["text"], methods: ["lora-4-query-key"], say: () => {} });
    await assert.rejects(variant, /unknown method "lora-4-query-key": choose one of mha, /);
  });

  it("has a note on rows that were not searched", () => {
    const rows = methods.filter(({ name }) =>
      ["daam-v1", "mixture", "mha", "lora-4-query-key"].includes(name),
    );
    const note = searchNote([trial("daam-v1", 1e-3, 0.7), trial("lora-4-standard", 1e-3, 0.7)], rows, 1e-3);
    assert.match(note, / Not searched, at 0\.001: MHA; Mixture of DAAM\.$/);
    assert.doesNotMatch(searchNote(trials, rows.slice(1, 2), 1e-3), /Not searched/);
  });

  it("and a comparison wait for whoever works in the run folder, whose sweep leaves their files alone", async () => {
    const lock = await tuneLock("quick", {});
    const lines: string[] = [];
    const options = { trainer: new URL("../fake-trainer.js", import.meta.url).href, jobs: 1 };
    const compared = tune("quick", {
      ...options,
      task: "text",
      methods: ["mha"],
      rates: ["2e-3"],
      say: (line) => lines.push(line),
    });
    while (lines.length === 0) await sleep(20);
    assert.match(lines[0]!, /another run \(process \d+\) is at work on quick: waiting/);
    const part = join(runFolder("quick"), "tune", "cells", "living.part");
    writeWhole(part, "");
    new CellStore(runFolder("quick")).sweep();
    assert.ok(existsSync(part));
    lock.release();
    assert.equal((await compared).length, 1);
    assert.ok(!existsSync(part));
  });

  it("is refused where rows share one rate", async () => {
    await assert.rejects(search("smoke"), /rows of smoke share one rate a task: name a --task/);
    assert.deepEqual(
      presets.filter(({ name }) => unsearched(name).length).map(({ name }) => name),
      ["quick", "small", "base"],
    );
  });
});
