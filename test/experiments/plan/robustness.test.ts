import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cellName, sameConfig } from "#src/experiments/plan/cell.js";
import { inScope, planCells } from "#src/experiments/plan/cells.js";
import type { FeatureInfo } from "#src/experiments/plan/task-plan.js";
import { openRun } from "#src/experiments/run/open-run.js";
import { findPreset, presets } from "#src/experiments/plan/presets.js";
import {
  recordedRobustness,
  robustnessMethods,
  shiftedExtractions,
} from "#src/experiments/plan/robustness.js";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import { CellStore } from "#src/experiments/outcome/store.js";
import { prepare, trainCell } from "#src/experiments/run/train-cell.js";
import type { CellConfig, CellResult } from "#src/experiments/types.js";
import { cacheName } from "#src/features/extraction.js";
import { rowsInMemory } from "#src/features/rows.js";
import type { Items, TaskData } from "#src/features/select.js";
import { randomStream } from "#src/random.js";
import { finished, judged } from "../finished.js";

const small = findPreset("small");
const tasks = ["speech", "text", "vision"];
const info: FeatureInfo = { layers: 12, features: 128, id: "made 0" };
const infos = Object.fromEntries(
  tasks.map((task) => {
    const shifts = Object.keys(shiftedExtractions(small, task));
    const shifted = Object.fromEntries(
      shifts.map((shift) => [shift, `cache/${task}-${shift}/features.safetensors`]),
    );
    return [task, { ...info, shifted }];
  }),
);
const plan = (preset = small, files: Record<string, FeatureInfo> = infos) =>
  planCells(
    preset,
    files,
    judged((rate) => Number(rate === 3e-4)),
  );

describe("extractions of shifted items", () => {
  it("are those of the issue, of test items alone where a split divides the items", () => {
    const names = tasks.map((task) => Object.keys(shiftedExtractions(small, task)));
    assert.deepEqual(names, [
      ["noise-20", "noise-10", "noise-5", "noise-0"],
      ["word-drop-0.1", "word-drop-0.2", "word-drop-0.4"],
      ["image-noise-0.05", "image-noise-0.1", "image-noise-0.2", "blur-0.5", "blur-1", "blur-2"],
    ]);
    const { extraction } = small.tasks.text!;
    const { "word-drop-0.2": drop } = shiftedExtractions(small, "text");
    const shift = { kind: "word-drop", share: 0.2 };
    assert.deepEqual(drop, { ...extraction, perClass: { train: 0, test: 500 }, shift });
    assert.ok(Object.values(shiftedExtractions(small, "speech")).every(({ perClass }) => !perClass));
  });

  it("are of presets with an extraction alone", () => {
    for (const preset of presets)
      for (const [task, { extraction }] of Object.entries(preset.tasks))
        assert.equal(Object.keys(shiftedExtractions(preset, task)).length > 0, extraction !== undefined);
  });

  it("lie apart in the cache, and leave the names of others as they were", () => {
    const settings = {
      dataset: "ag-news",
      encoder: "x/llama-mini",
      maxTokens: 256,
      perClass: { train: 1500 },
    };
    const name = (shift: object) => cacheName({ ...settings, ...shift }, "e", "d");
    assert.equal(name({}), "ag-news-llama-mini-dfa415f89d8d");
    const shifts = [0.1, 0.2].map((share) => name({ shift: { kind: "word-drop", share } }));
    assert.equal(new Set([...shifts, name({})]).size, 3);
  });
});

describe("the plan of robustness", () => {
  it("has the rows of the table with the same configuration and the shifts' files", () => {
    const all = plan();
    const cells = inScope(all, { part: "robustness" });
    assert.equal(cells.length, robustnessMethods.length * (5 + 3 + 3));
    for (const { task, method, run, config } of cells) {
      const { shifts, ...rest } = config!;
      const row = all.find(({ name }) => name === cellName(task, method, run, 3e-4))!;
      assert.ok(sameConfig(rest, row.config!));
      assert.deepEqual(Object.keys(shifts!), Object.keys(infos[task]!.shifted));
      assert.ok(Object.entries(shifts!).every(([name, id]) => id === `${task}-${name}`));
    }
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  });

  it("is left out unless its part is named", () => {
    assert.ok(inScope(plan(), {}).every(({ part }) => part !== "robustness"));
    const one = inScope(plan(), { tasks: ["text"], methods: ["mixture"], part: "robustness" });
    assert.deepEqual(
      one.map(({ name }) => name),
      [1, 2, 3].map((run) => `text/mixture/robustness-${run}`),
    );
  });

  it("is empty without shifted items or in a preset without such tests, and a scope of it says so", () => {
    const parts = (preset = small, files: Record<string, FeatureInfo> = { text: info }) =>
      new Set(plan(preset, files).map(({ part }) => part));
    assert.ok(!parts().has("robustness"));
    assert.ok(!parts(findPreset("quick"), infos).has("robustness"));
    assert.throws(
      () => inScope(plan(findPreset("quick")), { part: "robustness" }),
      /no cell of any task has the method any in the part robustness/,
    );
  });
});

it("recorded cells are found by name, whatever their configuration", () => {
  const folder = mkdtempSync(join(tmpdir(), "robustness-"));
  const store = new CellStore(folder);
  for (const name of ["text/daam-v1/robustness-2", "speech/mha/robustness-5", "text/daam-v1/run-1"])
    store.put({ name } as CellResult);
  const found = recordedRobustness(small, store).map(({ name }) => name);
  assert.deepEqual(found.sort(), ["speech/mha/robustness-5", "text/daam-v1/robustness-2"]);
  rmSync(folder, { recursive: true });
});

it("a run without shifted items of its own shows the published ones of small", async () => {
  const before = process.env.DAAM_HOME;
  const home = mkdtempSync(join(tmpdir(), "robustness-"));
  process.env.DAAM_HOME = home;
  const shown = async () => {
    const { preset, recorded, tasks, results } = (await openRun("smoke")).robustness;
    return [preset.name, recorded, tasks.length, ...results.map(({ name }) => name)];
  };
  try {
    assert.deepEqual(await shown(), ["small", true, 3]);
    const name = "text/daam-v1/robustness-1";
    const folder = join(home, "results", "small");
    const { config } = plan()[0]!;
    new PublishedCells(folder).write(folder, [finished(name, config!)]);
    assert.deepEqual(await shown(), ["small", true, 3, name]);
  } finally {
    if (before === undefined) delete process.env.DAAM_HOME;
    else process.env.DAAM_HOME = before;
    rmSync(home, { recursive: true });
  }
});

describe("a cell with shifts", () => {
  const random = randomStream(0, "robustness test");
  const [layers, features, classes] = [2, 4, 3];
  /** Items whose class shows in their values; `flip` hides it. */
  const items = (n: number, flip = 1): Items => {
    const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
    const values = Float32Array.from({ length: n * layers * features }, (_, i) => {
      const label = labels[Math.floor(i / (layers * features))]!;
      return flip * (i % features === label ? 2 : 0) + 0.1 * random.normal();
    });
    return { read: rowsInMemory(values, layers * features), labels, indices: Int32Array.from(labels.keys()) };
  };
  const test = items(30);
  const groups = Int32Array.from(test.labels, (_, i) => 300 + i);
  const sets = { clean: test, wrong: { ...items(30, -1), labels: test.labels } };
  const data: TaskData = { layers, features, classes, train: items(60), test };
  const config = {
    ...plan()[0]!.config!,
    stages: [{ kind: "density", heads: 2 }],
    hidden: 8,
    epochs: 6,
    batch: 8,
    learningRate: 1e-2,
    loss: { kind: "cross-entropy" },
  } as CellConfig;

  it("is trained as without, and tested on every set after the last epoch", async () => {
    await prepare(1);
    const without = await trainCell(config, data, () => {});
    const trained = await trainCell(
      config,
      { ...data, shifted: { labels: test.labels, groups, sets } },
      () => {},
    );
    const { shifted, ...rest } = trained;
    assert.deepEqual(rest, without);
    assert.equal(without.shifted, undefined);
    assert.deepEqual(Object.keys(shifted!.sets), ["clean", "wrong"]);
    assert.equal(shifted!.sets.clean!.accuracy, trained.last.accuracy);
    assert.equal(shifted!.sets.clean!.predictions, trained.predictions.last);
    assert.ok(trained.last.accuracy > 0.9 && shifted!.sets.wrong!.accuracy < 0.5);
    const wrong = Buffer.from(shifted!.sets.wrong!.predictions, "base64");
    const labels = Buffer.from(shifted!.labels, "base64");
    assert.deepEqual([...labels], [...test.labels]);
    assert.equal(shifted!.sets.wrong!.accuracy, wrong.filter((guess, i) => guess === labels[i]).length / 30);
    assert.equal(Buffer.from(shifted!.groups!, "base64").readUInt16LE(2), 301);
  });
});
