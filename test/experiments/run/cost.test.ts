import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { costPage, GPU, presetCost } from "#src/experiments/run/cost.js";
import { cellOperations } from "#src/experiments/run/operations.js";
import { presetAt } from "#src/experiments/plan/presets.js";
import { modelSeconds } from "#src/experiments/run/estimate.js";
import { Run } from "#src/experiments/run/run.js";
import type { CellConfig } from "#src/experiments/types.js";

test("the page of costs is that of the plan", () => {
  assert.equal(readFileSync("docs/cost.md", "utf8"), costPage(), "npx daam cost > docs/cost.md");
});

test("without data, cells and seconds are those that a run plans from feature files", async () => {
  const run = await Run.open("quick", { jobs: 2, lora: false });
  const { cells, hours } = presetCost(presetAt("quick", false));
  const planned = run.plan();
  assert.equal(cells, planned.length);
  // what waits for others, a tenth of the cells, is guessed by others' length here
  const known = planned.filter(({ config }) => config);
  const seconds = known.reduce((sum, { config }) => sum + modelSeconds(config!, run.sizeOf(config!)), 0);
  const share = known.length / planned.length;
  assert.ok(share > 0.8 && Math.abs((share * 7200 * hours.twoCores) / seconds - 1) < 0.1, `${seconds}`);
});

const size = { layers: 24, features: 1024, trainItems: 10, testItems: 4, classes: 4 };
const config = (stages: CellConfig["stages"], change: Partial<CellConfig> = {}) =>
  ({ stages, hidden: 512, epochs: 3, batch: 32, ...change }) as CellConfig;

test("operations by hand: convolutions, linear layer, attention, and no gradient for what nothing trains below", () => {
  const convolution = 2 * 9 * 24 * 512 * 1024;
  const linear = 2 * 24 * 1024 * 4;
  const plain = { forward: 2 * convolution + linear, backward: 3 * convolution + 2 * linear };
  const total = ({ forward, backward }: typeof plain) => 3 * (10 * (forward + backward) + 4 * forward);
  assert.equal(cellOperations(config([]), size, 0), total(plain));
  const density = { ...plain, backward: plain.backward + convolution };
  assert.equal(cellOperations(config([{ kind: "density", heads: 8 }]), size, 0), total(density));
  const projections = 2 * 24 * 4 * 1024 ** 2;
  for (const [over, among] of [
    ["layers", 24],
    ["batch", 32],
  ] as const) {
    const attention = 4 * 24 * among * 1024;
    const mha = {
      forward: density.forward + projections + attention,
      backward: density.backward + projections + 2 * attention,
    };
    assert.equal(cellOperations(config([{ kind: "dot-product", heads: 8, over }]), size, 0), total(mha));
  }
});

test("LoRA's frozen weights have no gradient", () => {
  const fineTuning = { acts: true } as CellConfig["fineTuning"];
  assert.equal(cellOperations(config([], { fineTuning }), size, 1e9), 3 * (2 * 10 + 4) * 1e9);
});

test("a GPU that is assumed to be faster is not slower than two cores where products are large", () => {
  const { hours, operations } = presetCost(presetAt("paper", false));
  assert.ok(hours.gpu < hours.twoCores / 10);
  assert.ok(hours.gpu * 3600 >= (operations.extraction + operations.training) / GPU.operations);
});
