import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Cell } from "#src/experiments/plan/cell.js";
import { inScope, planCells } from "#src/experiments/plan/cells.js";
import { findPreset } from "#src/experiments/plan/presets.js";
import { bestRate, choose } from "#src/experiments/plan/rates.js";
import type { Finished } from "#src/experiments/plan/task-plan.js";
import { tableMethods } from "#src/experiments/outcome/recorded.js";
import { choiceOf, searchTable } from "#src/report/tables/search.js";
import { judged } from "../finished.js";

const grid = [1e-4, 3e-4, 1e-3];

describe("a row", () => {
  it("chooses the rate of the highest mean, and none while a training is missing", () => {
    const accuracies: Record<number, number[]> = { 1e-4: [0.5, 0.5], 3e-4: [0.9, 0.3], 1e-3: [0.5, 0.6] };
    assert.deepEqual(
      choose(grid, (rate) => accuracies[rate]),
      { rates: grid, chosen: 3e-4 },
    );
    assert.deepEqual(
      choose(grid, (rate) => (rate === 1e-3 ? undefined : accuracies[rate])),
      { rates: grid },
    );
  });

  it("tries lower rates while its lowest does best, down to 3e-5", () => {
    const falling = (rate: number) => [1 - rate];
    assert.deepEqual(choose(grid, falling), { rates: [3e-5, ...grid], chosen: 3e-5 });
    assert.deepEqual(choose([1e-3, 3e-4], falling), { rates: [3e-5, 1e-4, 3e-4, 1e-3], chosen: 3e-5 });
    const waiting = choose(grid, (rate) => (rate < 1e-4 ? undefined : [1 - rate]));
    assert.deepEqual(waiting, { rates: [3e-5, ...grid] });
  });

  it("takes the middle rate where all are as good, the lower of two", () => {
    const tried = (...accuracies: number[]) =>
      accuracies.map((accuracy, i) => ({ rate: grid[i]!, accuracy }));
    assert.equal(bestRate(tried(0.25, 0.25, 0.25)), 3e-4);
    assert.equal(bestRate(tried(0.25, 0.2, 0.25)), 1e-4);
  });
});

describe("the plan of a preset whose rows choose", () => {
  const infos = { speech: { layers: 12, features: 128, id: "made 0" } };
  const plan = (known: Finished) => planCells(findPreset("small"), infos, known);
  const named = (cells: Cell[], pattern: RegExp) => cells.filter(({ name }) => pattern.test(name));

  it("trains decoders at every rate, and what depends on a choice not before it is made", () => {
    const cells = plan(() => undefined);
    assert.equal(new Set(cells.map(({ name }) => name)).size, cells.length);
    for (const rate of ["1e-4", "3e-4", "1e-3"]) {
      const runs = named(cells, new RegExp(`^speech/daam-v1/rate-${rate}/run-`));
      assert.equal(runs.length, 15);
      assert.ok(runs.every(({ config }) => config!.learningRate === Number(rate) && !config!.holdout));
      const heldOut = named(cells, new RegExp(`^speech/daam-v1/rate-${rate}/held-out-`));
      assert.equal(heldOut.length, 5);
      assert.ok(heldOut.every(({ config, part }) => config!.holdout && part === "rates"));
    }
    for (const name of [
      "speech/heads-2/run-1",
      "speech/daam-v1-few/run-1",
      "speech/lora-4-query-key/run-1",
    ]) {
      const [cell] = cells.filter((one) => one.name === name);
      assert.equal(cell!.config, undefined, name);
      assert.ok(cell!.needs.length >= 6 && cell!.needs.every((need) => need.includes("/held-out-")), name);
    }
  });

  it("has the held-out trainings of its rows in the part of the table, which marks what they chose", () => {
    const cells = inScope(
      plan(() => undefined),
      { methods: ["mixture"], part: "table" },
    );
    assert.deepEqual([...new Set(cells.map(({ part }) => part))].sort(), ["rates", "table"]);
    assert.equal(cells.length, 3 * (5 + 15));
    assert.ok(cells.every(({ method }) => method === "mixture"));
  });

  it("gives variants the rate of their row, and everything one below the grid where its lowest does best", () => {
    const cells = plan(judged((rate) => (rate === 3e-4 ? 1 : 0)));
    const rateOf = (name: string) => cells.find((cell) => cell.name === name)!.config!.learningRate;
    for (const name of ["heads-2", "gaussians-8", "daam-v1-few", "lora-4-query-key"])
      assert.equal(rateOf(`speech/${name}/run-1`), 3e-4);
    assert.deepEqual(named(cells, /daam-v2-highest\/run-1$/)[0]!.needs, ["speech/daam-v1/rate-3e-4/run-1"]);
    const lower = plan(judged((rate) => -rate));
    assert.equal(named(lower, /^speech\/mixture\/rate-3e-5\/run-/).length, 15);
    assert.equal(lower.find(({ name }) => name === "speech/lora-4/run-1")!.config!.learningRate, 3e-5);
    assert.equal(lower.find(({ name }) => name === "speech/lora-4/run-1")!.config!.hidden, undefined);
  });

  it("stands in a table with the chosen rate marked", () => {
    const known = judged((rate) => (rate === 3e-4 ? 0.7 : 0.6));
    const heldOut = plan(known).flatMap(({ name, config }) => (config && known(name, config)) ?? []);
    const rows = tableMethods(findPreset("small")).filter(({ name }) =>
      ["daam-v1", "mixture"].includes(name),
    );
    assert.deepEqual(searchTable(heldOut, "speech", rows), {
      columns: ["method", "1e-4", "3e-4", "1e-3"],
      rows: ["DAAMv1", "Mixture of DAAM"].map((title) => [title, "60.0 (5)", "**70.0 (5)**", "60.0 (5)"]),
    });
    assert.deepEqual(choiceOf(heldOut, "speech", rows[0]!, grid), { rates: grid, chosen: 3e-4 });
    assert.deepEqual(choiceOf(heldOut, "text", rows[0]!, grid), { rates: grid });
    // one training is missing: nothing is chosen, and nothing marked
    const { rows: lines } = searchTable(
      heldOut.filter(({ name }) => name !== "speech/daam-v1/rate-1e-4/held-out-1"),
      "speech",
      rows.slice(0, 1),
    );
    assert.deepEqual(lines, [["DAAMv1", "60.0 (4)", "70.0 (5)", "60.0 (5)"]]);
  });
});
