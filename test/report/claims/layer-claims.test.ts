import assert from "node:assert/strict";
import { test } from "node:test";
import { layersTable, untrainedSentence } from "#src/report/claims/layer-claims.js";
import type { TableRow } from "#src/report/tables/rows.js";
import { cell, predicting, text } from "../fixtures.js";

/** A run a pair of accuracy and predicted classes. */
const entry = (method: string, ...runs: [accuracy: number, classes: number[]][]): { row: TableRow } => ({
  row: {
    title: method,
    group: "ablation",
    byRate: [],
    method: { name: method, title: method, group: "ablation", stages: () => [] },
    results: runs.map(([value, classes], i) =>
      predicting(cell("text", method, i + 1, [value, value, value]), classes),
    ),
  },
});
const steady = [0, 1, 2];
const entries = [
  entry("daam-v2-highest", [0.8, steady]),
  entry("daam-v2-lowest", [0.7, steady]),
  entry("no-attention-highest", [0.82, steady]),
  entry("no-attention-lowest", [0.7, steady]),
];

test("layers: density attention's gap is set against that of no attention on the same layers", () => {
  const { rows } = layersTable(text, entries);
  assert.deepEqual(
    rows.map(([, title, runs, paper, here]) => [title, runs, paper, here]),
    [
      ["DAAMv2, high − low", "1 run", "+0.2", "+10.0"],
      ["no attention, high − low", "1 run", "–", "+12.0"],
      ["DAAMv2's gap − that of no attention", "1 run", "–", "−2.0"],
    ],
  );
  assert.deepEqual(layersTable(text, entries.slice(1)).rows, []);
});

test("layers: runs in which a decoder learned nothing are told, and what is left without them", () => {
  const without = (found: typeof entries) => layersTable(text, found).rows.map((row) => row.at(-1));
  assert.deepEqual(without(entries), ["", "", ""]);
  const alone = [entry("daam-v2-highest", [0.25, [3, 3, 3]]), ...entries.slice(1)];
  assert.deepEqual(without(alone), ["none left", "none left", "none left"]);
  const twice = entries.map(({ row }, i) =>
    entry(row.method!.name, [0.5, steady], [i ? 0.5 : 0.25, i ? steady : [3, 3, 3]]),
  );
  assert.equal(layersTable(text, twice).rows[0]![4], "−12.5");
  assert.deepEqual(without(twice), ["+0.0 (1 left)", "+0.0 (1 left)", "+0.0 (1 left)"]);
});

test("a map that training leaves as it was has a correlation of 1", () => {
  const made = cell("text", "daam-v1", 1, [0.5, 0.5, 0.5]);
  assert.match(untrainedSentence(text, [made], [made]), /: correlation 1\.00 over 12 layers, one run\./);
  assert.equal(untrainedSentence(text, [made], []), "");
});
