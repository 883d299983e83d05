import assert from "node:assert/strict";
import { test } from "node:test";
import { holm, holmOfDistinct } from "#src/statistics/multiple.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);

test("Holm: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02", () => {
  // sorted 0.005 · 4, 0.01 · 3, 0.03 · 2, 0.04 · 1, each at least the one before
  holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => near(p, [0.03, 0.06, 0.06, 0.02][i]!));
  assert.deepEqual(holm([0.6, 0.9]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test("a test that is told twice counts once", () => {
  const found = holmOfDistinct([
    ["a", 0.02],
    ["b", 0.5],
    ["a", 0.02],
  ]);
  assert.deepEqual([...found.keys()], ["a", "b"]);
  near(found.get("a")!, 0.04);
  near(found.get("b")!, 0.5);
});
