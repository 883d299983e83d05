import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { adapterFolder, copyAdapters } from "#src/experiments/outcome/adapters.js";
import { planCells } from "#src/experiments/plan/cells.js";
import { methods } from "#src/experiments/plan/methods.js";
import { presetAt, presets } from "#src/experiments/plan/presets.js";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import { recordedCells, tableMethods } from "#src/experiments/outcome/recorded.js";
import { reproduce } from "#src/reproduction/reproduce.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import type { CellResult } from "#src/experiments/types.js";
import { readSafetensors } from "#src/formats/safetensors.js";
import { readableTable } from "#src/report/tables/tables.js";
import { cellCounts, resultTable } from "#src/report/tables/rows.js";
import { judged } from "../finished.js";

const info = { layers: 12, features: 128, id: "made 0" };
const infos = { speech: info, text: info, vision: info };
/** Rows of `small` have chosen 1e-3. */
const plan = (name: string, lora = false) =>
  planCells(
    presetAt(name, lora),
    infos,
    judged((rate) => Number(rate === 1e-3)),
  );
const raw = methods.filter(({ fineTuning, budget }) => fineTuning || budget);

let home: string;
const outside = process.env.DAAM_HOME;
before(() => {
  home = mkdtempSync(join(tmpdir(), "lora-"));
  process.env.DAAM_HOME = home;
});
after(() => {
  if (outside === undefined) delete process.env.DAAM_HOME;
  else process.env.DAAM_HOME = outside;
  rmSync(home, { recursive: true });
});

describe("rows that fine-tune", () => {
  it("are planned in small, and elsewhere only where asked for", () => {
    const planned = (name: string, lora?: boolean) => new Set(plan(name, lora).map(({ method }) => method));
    for (const { name } of raw) {
      assert.ok(planned("small").has(name), `${name}, small`);
      for (const preset of ["smoke", "quick", "paper"]) {
        assert.ok(!planned(preset).has(name), `${name}, ${preset}`);
        assert.ok(planned(preset, true).has(name), `${name}, ${preset} with LORA=1`);
      }
    }
  });

  it("and those compared with them have the same items, batch, epochs, runs and seeds in small", () => {
    for (const task of Object.keys(infos)) {
      const cells = plan("small").filter(
        ({ part, ...cell }) =>
          part === "table" && cell.task === task && raw.some(({ name }) => name === cell.method),
      );
      const budgets = cells.map(({ config }) =>
        [config!.epochs, config!.batch, config!.trainItems, config!.testItems].join(),
      );
      assert.equal(new Set(budgets).size, 1, task);
      for (const { name, group } of raw) {
        const runs = cells.filter(({ method }) => method === name);
        const seeds = group === "published" ? 2 : 3;
        assert.equal(runs.length, task === "speech" ? 5 : seeds, name);
        assert.deepEqual(
          runs.map(({ config }) => config!.seed),
          cells
            .filter(({ method }) => method === "daam-v1-few")
            .slice(0, runs.length)
            .map(({ config }) => config!.seed),
        );
      }
    }
  });

  it("clip no gradients, and their configuration survives JSON", () => {
    const { config } = plan("small").find(({ name }) => name === "vision/lora-plus-8-standard/run-2")!;
    assert.equal("clipNorm" in config!, false);
    assert.deepEqual(JSON.parse(JSON.stringify(config)), config);
    assert.deepEqual(config!.fineTuning!.form.targets, ["query", "value"]);
  });
});

describe("recorded rows", () => {
  const task = findTask("text");

  it("show the published cells of small, say so, and do not count", () => {
    const config = { task: "text", method: "lora-4", run: 1, learningRate: 3e-4 };
    const cell = { ...madeCell("text/lora-4/run-1"), config };
    const folder = join(home, "results", "small");
    new PublishedCells(folder).write(folder, [cell as CellResult]);
    const rows = tableMethods(presetAt("quick", false));
    const found = recordedCells(rows, ["text"]);
    assert.deepEqual(
      found.map(({ name }) => name),
      ["text/lora-4/run-1"],
    );
    const table = resultTable(task, rows, found, 3);
    const lora = readableTable(table).rows.find(([title]) => title === "LoRA (r=4) (recorded: small)")!;
    assert.deepEqual(lora.slice(1, 4), [
      "95.0 ± 0.30 (cells: 94.97 ± 0.34)",
      "50.0 (1 of 2)",
      "50.0 (1 of 2)",
    ]);
    const standard = readableTable(table).rows.find(([title]) => title!.startsWith("LoRA (r=4), standard"))!;
    assert.deepEqual(standard.slice(0, 3), ["LoRA (r=4), standard (recorded: small)", "–", "not run yet"]);
    assert.deepEqual(cellCounts(table), { done: 0, all: 12 * 3 });
  });

  it("are none where a preset trains every row", () => {
    for (const preset of [presetAt("quick", true), presetAt("small")])
      assert.ok(tableMethods(preset).every(({ recorded }) => recorded === undefined));
    const ofPaper = tableMethods(presetAt("paper"));
    assert.ok(ofPaper.every(({ fineTuning, recorded }) => !fineTuning && !recorded));
    assert.equal(tableMethods(presetAt("small")).find(({ name }) => name === "lora-4")!.runs!("text"), 2);
  });
});

describe("adapters of finished cells", () => {
  const inert = { ...madeCell("speech/lora-4/run-1"), config: { fineTuning: { acts: false } } } as CellResult;
  const acting = { ...madeCell("text/lora-4/run-1"), config: { fineTuning: { acts: true } } } as CellResult;

  it("are copied, those that act; a missing one is named with its remedy", () => {
    const [folder, target] = [join(home, "run"), join(home, "saved")];
    assert.equal(copyAdapters(folder, target, [inert]), 0);
    assert.throws(
      () => copyAdapters(folder, target, [inert, acting]),
      /the adapter of text\/lora-4\/run-1 is not in .*: delete .*run-1\.json and run again/,
    );
    const from = adapterFolder(folder, acting.name);
    mkdirSync(from, { recursive: true });
    writeFileSync(join(from, "adapter_config.json"), "{}");
    assert.equal(copyAdapters(folder, target, [inert, acting]), 1);
    assert.ok(existsSync(join(target, "text", "lora-4", "run-1", "adapter_config.json")));
  });

  it("are asked for in vain where no row trains one", async () => {
    const options = { scope: { tasks: ["text"], methods: ["mha"] }, saveAdapters: home, say: () => {} };
    await assert.rejects(reproduce("smoke", options), /no row of this scope trains an adapter on smoke/);
  });
});

const skip = process.env.DAAM_DATA ? false : "DAAM_DATA names no raw data";

it("a run trains, reports and saves adapters as peft writes them", { skip }, async () => {
  const target = join(home, "adapters");
  const preset = presets.find(({ name }) => name === "smoke")!;
  const scope = { tasks: ["text"], methods: ["lora-4", "lora-4-standard"] };
  const results = await reproduce("smoke", {
    scope,
    lora: true,
    saveAdapters: target,
    jobs: 1,
    say: () => {},
    onProgress: () => {},
  });
  delete process.env.DAAM_LORA;
  assert.equal(results.length, 2);
  for (const { parameters, curve, predictions } of results) {
    assert.equal(curve.length, preset.tasks.text!.fineTuning!.epochs);
    assert.equal(Buffer.from(predictions.last, "base64").length, preset.tasks.text!.fineTuning!.testItems);
    assert.equal(parameters.attention, 2 * 12 * 4 * (128 + 128));
  }
  // what peft wrote for a Llama: rank, scaling, projections and saved head are this one's own
  const own = [
    "r",
    "lora_alpha",
    "use_rslora",
    "target_modules",
    "modules_to_save",
    "base_model_name_or_path",
  ];
  const read = (folder: string) => ({
    config: JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8")) as Record<string, unknown>,
    tensors: readSafetensors(join(folder, "adapter_model.safetensors")).tensors,
  });
  const written = read("test/fixtures/reference/llama/adapter");
  for (const method of scope.methods) {
    const folder = join(target, "text", method, "run-1");
    assert.deepEqual(readdirSync(folder).sort(), ["adapter_config.json", "adapter_model.safetensors"]);
    const saved = read(folder);
    const published = method === "lora-4";
    assert.deepEqual(
      { ...saved.config, ...Object.fromEntries(own.map((field) => [field, written.config[field]])) },
      written.config,
    );
    assert.deepEqual(
      own.slice(0, 5).map((field) => saved.config[field]),
      [4, published ? 64 : 16, false, ["q_proj", "v_proj"], ["score"]],
    );
    const general = (name: string) => name.replace(/layers\.\d+/, "layers.i").replace("k_proj", "v_proj");
    const names = (tensors: ReadonlyMap<string, unknown>) => new Set([...tensors.keys()].map(general));
    assert.deepEqual(names(saved.tensors), names(written.tensors));
    for (const [name, { shape }] of saved.tensors)
      assert.deepEqual(
        shape,
        name.includes("score") ? [4, 128] : name.includes("lora_A") ? [4, 128] : [128, 4],
        name,
      );
    assert.equal(saved.tensors.size, 4 * 12 + 1);
  }
});

function madeCell(name: string): CellResult {
  const epoch = {
    epoch: 1,
    learningRate: 1,
    trainLoss: 1,
    testLoss: 1,
    accuracy: 0.5,
    macroF1: 0.5,
    unweightedRecall: 0.5,
  };
  return {
    name,
    config: {} as CellResult["config"],
    curve: [epoch],
    best: epoch,
    last: epoch,
    predictions: { best: "", last: "" },
    parameters: { total: 1, withoutLastLinear: 1, attention: 1 },
    seconds: 1,
    peakMemoryMB: 1,
    backend: "wasm",
    versions: {},
  };
}
