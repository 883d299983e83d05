import assert from "node:assert/strict";
import { test } from "node:test";
import type { CellResult } from "#src/experiments/types.js";
import {
  chanceSentence,
  collapseSentence,
  gainSentence,
  orderSentence,
  sdRatio,
  spreadSentence,
  stabilitySentence,
} from "#src/report/claims/claims.js";
import { resultTable, type TableRow } from "#src/report/tables/rows.js";
import { cell, methods, predicting, speech, text } from "../fixtures.js";

const row = (task: string, method: string, accuracies: number[]): TableRow => ({
  title: method,
  group: "corrected",
  method: { name: method, title: method, group: "corrected", stages: () => [] },
  results: accuracies.map((value, i): CellResult => cell(task, method, i + 1, [value, value, value])),
});

test("twice the spread over seeds is a ratio of 2, in every draw", () => {
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
  assert.match(stabilitySentence(resultTable(text, methods, cells, 3)), /more stable: MHA does not vary/);
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
  const sentence = stabilitySentence(resultTable(text, methods, cells, 6));
  assert.match(
    sentence,
    /: MHA [2-9]\.\d\d \(.*\); without 1 collapsed run 1\.00 \(1\.00 to 1\.00\) \(last epoch\)\.$/,
  );
  const few = besideMha([undefined, 0.5], [0.5, 0.6]);
  assert.match(
    stabilitySentence(resultTable(text, methods, few, 2)),
    /; without 1 collapsed run too few are left \(last epoch\)\.$/,
  );
});

test("the largest gain is told without runs that learned nothing too", () => {
  const cells = besideMha([undefined, 0.75], [0.5, 0.5]);
  assert.match(
    gainSentence(resultTable(text, methods, cells, 2)),
    /here \+0\.0; without 1 collapsed run \+25\.0 \(DAAMv1\) over MHA as published\.$/,
  );
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
  assert.match(
    gainSentence(resultTable(speech, methods, cells, 1)),
    /the paper \+5\.5 \(Mixture of DAAM\); here \+20\.0 \(DAAMv1\) over MHA as published, \+5\.0 \(DAAMv1\) over MHA over the layers/,
  );
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
  const sentence = orderSentence(resultTable(speech, fewer, cells, 1));
  assert.match(sentence, /^Order of the 3 published decoders on speech: .* 1\.00 \(best epoch\)/);
});

test("learned widths are compared between tasks only at one learning rate", () => {
  const learned = (task: string, width: number, learningRate: number) => {
    const made = cell(task, "daam-v1", 1, [0.5, 0.5, 0.5]);
    const range: [number, number] = [2, 2 + width];
    return {
      ...made,
      config: { ...made.config, learningRate },
      learned: { meanOffset: [0, width] as [number, number], scaledVariance: range },
    };
  };
  const tables = (rate: number) => [
    resultTable(speech, methods, [learned("speech", 0.25, 1e-3)], 1),
    resultTable(text, methods, [learned("text", 0.5, rate)], 1),
  ];
  assert.match(
    spreadSentence(tables(1e-3)),
    /speech δ 0\.25 ± 0\.00, .* Order here: by δ text > speech; by c text/,
  );
  assert.match(spreadSentence(tables(3e-3)), /\(rate 0\.003\)\. A larger learning rate alone widens it/);
});
