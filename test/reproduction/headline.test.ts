import assert from "node:assert/strict";
import { test } from "node:test";
import { findPreset } from "#src/experiments/plan/presets.js";
import { headline } from "#src/reproduction/headline.js";
import type { CellResult } from "#src/experiments/types.js";
import { cell } from "../report/fixtures.js";

const small = findPreset("small");
const trained = (learningRate: number, accuracy: number, more: object = {}): CellResult[] =>
  [1, 2].map((run) => {
    const made = cell("text", "daam-v1", run, [accuracy, accuracy, accuracy]);
    return { ...made, config: { ...made.config, learningRate, ...more } };
  });
const tested = [...trained(1e-4, 0.5), ...trained(3e-4, 0.7), ...trained(1e-3, 0.9)];
const line = (results: CellResult[]) => headline(small, results).find((text) => text.startsWith("DAAMv1 "));

test("a row stands at the rate that it chose on held-out items, whatever the test items say", () => {
  const heldOut = [1e-4, 3e-4, 1e-3].flatMap((rate) =>
    trained(rate, rate === 3e-4 ? 0.6 : 0.4, { holdout: true }),
  );
  assert.match(line([...tested, ...heldOut])!, /^DAAMv1 +70\.0 ± 0\.0 \(3e-4\)$/);
  assert.match(line(tested)!, /^DAAMv1 +rate not chosen yet$/);
  assert.match(line(trained(1e-3, 0.9))!, /^DAAMv1 +90\.0 ± 0\.0 \(1e-3\)$/);
});

test("without a choice of rates none is named", () => {
  const [, row] = headline(findPreset("quick"), trained(1e-3, 0.9));
  assert.match(row!, /^DAAMv1 +90\.0 ± 0\.0$/);
});

test("a single run has no spread, and figures that mean nothing say so", () => {
  const [caution, , row] = headline(findPreset("smoke"), trained(1e-3, 0.9).slice(0, 1));
  assert.match(caution!, /nothing about any row/);
  assert.match(row!, /^DAAMv1 +90\.0$/);
});
