import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sameConfig } from "#src/experiments/plan/cell.js";
import { inScope, planCells } from "#src/experiments/plan/cells.js";
import { findPreset, presets } from "#src/experiments/plan/presets.js";
import { probes } from "#src/experiments/plan/probes.js";
import { cellSeed, type FeatureInfo, type Finished } from "#src/experiments/plan/task-plan.js";
import type { CellConfig, CellResult } from "#src/experiments/types.js";
import { finished } from "../finished.js";

const small = findPreset("small");
const info: FeatureInfo = { layers: 12, features: 128, id: "made 0" };
const plan = (find: Finished = () => undefined, preset = small) =>
  planCells(preset, { speech: info, text: info, vision: info }, find);
const scale = inScope(plan(), { part: "scale" });
const control = inScope(plan(), { part: "control" });

describe("trainings on changed hidden states", () => {
  it("have every row under every condition at every rate in every run", () => {
    const count = (cells: typeof scale, task: string) => cells.filter((cell) => cell.task === task).length;
    assert.deepEqual(
      ["speech", "text", "vision"].map((task) => count(scale, task)),
      [10 * 6 * 6 * 2, 5 * 6 * 6 * 2, 5 * 6 * 6 * 2],
    );
    assert.deepEqual(
      ["speech", "text", "vision"].map((task) => count(control, task)),
      [10 * 5 * 5 * 2, 0, 5 * 5 * 5 * 2],
    );
    const all = plan();
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    const { config } = scale.find(({ name }) => name === "vision/mha/standardised-x8/rate-3e-4/run-2")!;
    const { input, learningRate, epochs, hidden, seed } = config!;
    assert.deepEqual(input, [{ kind: "standardise" }, { kind: "scale", factor: 8 }]);
    assert.deepEqual([learningRate, epochs, hidden, seed], [3e-4, 4, 64, cellSeed("vision", 2)]);
    assert.ok(sameConfig(config!, JSON.parse(JSON.stringify(config)) as CellConfig));
  });

  it("are planned only where their part is named, in the presets that have it", () => {
    const parts = (name: string) => new Set(plan(undefined, findPreset(name)).map(({ part }) => part));
    for (const { name, probes: budgets } of presets)
      for (const part of ["scale", "control"] as const)
        assert.equal(parts(name).has(part), budgets?.[part] !== undefined, `${name} ${part}`);
    assert.ok(inScope(plan(), {}).every(({ part }) => part !== "scale" && part !== "control"));
    assert.throws(
      () => inScope(plan(undefined, findPreset("quick")), { part: "scale" }),
      /in the part scale/,
    );
  });

  it("differ within a run by their stages alone, at one condition and rate", () => {
    const same = scale.filter(({ name }) => /^text\/[\w-]+\/raw-x8\/rate-1e-3\/run-3$/.test(name));
    assert.equal(same.length, 6);
    const rest = same.flatMap(({ config }) => (config ? [{ ...config, method: "", stages: [] }] : []));
    assert.ok(rest.every((config) => sameConfig(config, rest[0]!)));
  });
});

describe("the constant row", () => {
  const constants = scale.filter(({ method }) => method === "constant");

  it("waits for DAAMv1 of the same run, condition and rate", () => {
    assert.equal(constants.length, 10 * 6 * 2 + 2 * 5 * 6 * 2);
    for (const { name, config, needs } of constants) {
      assert.equal(config, undefined);
      assert.deepEqual(needs, [name.replace("/constant/", "/daam-v1/")]);
    }
    const alone = inScope(plan(), { part: "scale", tasks: ["text"], methods: ["constant"] });
    assert.deepEqual(new Set(alone.map(({ method }) => method)), new Set(["constant", "daam-v1"]));
  });

  it("multiplies by the mean weight that DAAMv1 has after training, to three digits", () => {
    const find: Finished = (name, config): CellResult => ({
      ...finished(name, config),
      measured: { before: { weight: 0.9 }, after: { weight: 0.77149 } },
    });
    const cells = inScope(plan(find), { part: "scale" }).filter(({ method }) => method === "constant");
    assert.ok(cells.every(({ config }) => config));
    assert.deepEqual(cells[0]!.config!.stages, [{ kind: "multiply", factor: 0.771 }]);
  });
});

it("conditions of a part are told apart by what they do", () => {
  for (const { conditions } of Object.values(probes)) {
    assert.equal(new Set(conditions.map(({ input }) => JSON.stringify(input))).size, conditions.length);
    assert.equal(new Set(conditions.map(({ name }) => name)).size, conditions.length);
  }
});
