import assert from "node:assert/strict";
import { test } from "node:test";
import type { CellResult } from "#src/experiments/types.js";
import {
  chanceSentence,
  collapseSentence,
  gainTable,
  orderTable,
  sdRatio,
  spreadTable,
  stabilityTable,
} from "#src/report/claims/claims.js";
import { resultTable, type TableRow } from "#src/report/tables/rows.js";
import { cell, methods, predicting, speech, text } from "../fixtures.js";

const row = (task: string, method: string, accuracies: number[]): Pick<TableRow, "results"> => ({
  results: accuracies.map((value, i): CellResult => cell(task, method, i + 1, [value, value, value])),
});

test("twice the spread over seeds is a ratio of 2, surely", () => {
  const spread = [0.5, 0.52, 0.47, 0.51, 0.55];
  const twice = spread.map((value) => 0.5 + 2 * (value - 0.5));
  const found = sdRatio(text, row("text", "a", twice), row("text", "b", spread))!;
  assert.equal(found.over, "seeds");
  for (const value of [found.ratio, ...found.interval!]) assert.ok(Math.abs(value - 2) < 1e-9);
});

test("fewer than five seeds have no interval", () => {
  const found = sdRatio(text, row("text", "a", [0.5, 0.6, 0.7]), row("text", "b", [0.5, 0.4, 0.5]))!;
  assert.equal(found.interval, undefined);
});

test("a row that does not vary has no ratio to give", () => {
  const [a, b] = [row("text", "a", [0.5, 0.6, 0.7]), row("text", "b", [0.1, 0.1, 0.1])];
  assert.deepEqual(sdRatio(text, a, b), { ratio: Infinity, over: "seeds" });
  const cells = [0.5, 0.6, 0.7].flatMap((value, i) => [
    cell("text", "daam-v1", i + 1, [value, value, value]),
    cell("text", "mha", i + 1, [0.1, 0.1, 0.1]),
  ]);
  assert.equal(stabilityTable([resultTable(text, methods, cells, 3)]).rows[0]![3], "does not vary");
});

/** Cells of a density row and of published dot products, run by run; a density of undefined learned nothing. */
const besideMha = (density: (number | undefined)[], dotProducts: number[]) =>
  density.flatMap((value = 0.25, i) => [
    predicting(
      cell("text", "daam-v1", i + 1, [value, value, value]),
      density[i] === undefined ? [3, 3] : [0, 1],
    ),
    predicting(cell("text", "mha", i + 1, [dotProducts[i]!, dotProducts[i]!, dotProducts[i]!]), [0, 1]),
  ]);

test("stability is told without runs that learned nothing too", () => {
  const levels = [0.5, 0.52, 0.47, 0.51, 0.55];
  const cells = besideMha([undefined, ...levels], [0.5, ...levels]);
  const [row] = stabilityTable([resultTable(text, methods, cells, 6)]).rows;
  assert.deepEqual(row!.slice(0, 3), ["text", "MHA", "seeds"]);
  // one run at a quarter is a spread of its own, which no normal interval is for
  assert.match(row![3]!, /^[2-9]\.\d\d$/);
  assert.equal(row![4], "1.00 (1.00 to 1.00); 1 collapsed run");
  const few = besideMha([undefined, 0.5], [0.5, 0.6]);
  assert.equal(
    stabilityTable([resultTable(text, methods, few, 2)]).rows[0]![4],
    "too few are left; 1 collapsed run",
  );
});

test("the largest gain is told without runs that learned nothing too", () => {
  const cells = besideMha([undefined, 0.75], [0.5, 0.5]);
  assert.deepEqual(gainTable([resultTable(text, methods, cells, 2)]).rows, [
    ["text", "MHA", "+0.0 (DAAMv1)", "DAAMv1", "+0.0; without 1 collapsed run +25.0", "undecided"],
  ]);
});

test("with several seeds a fold the spread is taken within folds; with one, over folds", () => {
  const folds = [0.3, 0.4, 0.5, 0.6, 0.7];
  const seeds = [0, 0.01, 0.02].flatMap((shift) => folds.map((level) => level + shift));
  const flat = [0, 0.01, 0.02].flatMap((shift) => folds.map(() => 0.5 + shift));
  const within = sdRatio(speech, row("speech", "a", seeds), row("speech", "b", flat))!;
  assert.equal(within.over, "seeds");
  assert.ok(Math.abs(within.ratio - 1) < 1e-9);
  const over = sdRatio(speech, row("speech", "a", folds), row("speech", "b", [...folds].reverse()))!;
  assert.equal(over.over, "folds");
  assert.ok(Math.abs(over.ratio - 1) < 1e-9);
});

test("runs that predict one class for every test item are counted by row", () => {
  const runOf = (method: string, run: number, classes: number[]) =>
    predicting(cell("text", method, run, [0.5, 0.5, 0.5]), classes);
  const cells = [runOf("mha", 1, [2, 2, 2]), runOf("mha", 2, [2, 1, 2]), runOf("daam-v1", 1, [0, 1, 2])];
  const sentence = collapseSentence(resultTable(text, methods, cells, 2));
  assert.match(sentence, /^One class for every test item at the last epoch: MHA \(1 of 2 runs\)\. /);
  assert.equal(collapseSentence(resultTable(text, methods, cells.slice(1), 2)), "");
});

test("the floor beside published dot products is the most frequent class", () => {
  const confusion = [
    [4, 0],
    [6, 0],
  ];
  const cells = ["mha", "mha-layers"].map((method) => ({
    ...cell("text", method, 1, [0.5, 0.5, 0.5]),
    confusion,
  }));
  assert.match(
    chanceSentence(resultTable(text, methods, cells, 1)),
    /one class for every item gives 60\.0 %/,
  );
});

test("the largest gain names its row, in the paper and here", () => {
  const cells = [
    cell("speech", "mha", 1, [0.4, 0.4, 0.4]),
    cell("speech", "mha-layers", 1, [0.55, 0.5, 0.5]),
    cell("speech", "daam-v1", 1, [0.6, 0.6, 0.6]),
    cell("speech", "mixture", 1, [0.5, 0.5, 0.5]),
  ];
  // the paper's cells: 67.78 − 62.26
  assert.deepEqual(gainTable([resultTable(speech, methods, cells, 1)]).rows, [
    ["speech", "MHA", "+5.5 (Mixture of DAAM)", "DAAMv1", "+20.0", "undecided"],
    ["speech", "MHA over the layers", "–", "DAAMv1", "+5.0", "undecided"],
  ]);
});

test("the order of rows leaves out those that saw fewer items", () => {
  const lora = { ...methods[0]!, name: "lora-4", title: "LoRA (r=4)", paperRow: "LoRA (r=4)" };
  const fewer = [...methods, { ...lora, fineTuning: () => assert.fail("not asked") }];
  const cells = [
    cell("speech", "mha", 1, [0.4, 0.4, 0.4]),
    cell("speech", "daam-v1", 1, [0.5, 0.5, 0.5]),
    cell("speech", "mixture", 1, [0.6, 0.6, 0.6]),
    cell("speech", "lora-4", 1, [0.9, 0.9, 0.9]),
  ];
  assert.deepEqual(orderTable([resultTable(speech, fewer, cells, 1)]).rows, [
    ["speech", "3", "1.00", "1.00"],
  ]);
});

test("learned widths stand beside the rate, which widens them too", () => {
  const made = cell("speech", "daam-v1", 1, [0.5, 0.5, 0.5]);
  const learned: CellResult = {
    ...made,
    config: { ...made.config, learningRate: 3e-3 },
    learned: { meanOffset: [0, 0.25], scaledVariance: [2, 2.5] },
  };
  assert.deepEqual(spreadTable([resultTable(speech, methods, [learned], 1)]).rows, [
    ["speech", "0.25", "0.50", "3e-3"],
  ]);
});
