import assert from "node:assert/strict";
import { test } from "node:test";
import type { CellResult } from "#src/experiments/types.js";
import {
  collapseSentence,
  layersSentence,
  parameterSentences,
  sdRatio,
  stabilitySentence,
} from "#src/report/claims.js";
import { resultTable, type TableRow } from "#src/report/rows.js";
import { cell, methods, speech, text } from "./fixtures.js";

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

test("layers: density attention's gain is set against that of no attention on the same layers", () => {
  const entry = (method: string, accuracy: number) => ({ row: row("text", method, [accuracy]) });
  const entries = [
    entry("daam-v2-highest", 0.8),
    entry("daam-v2-lowest", 0.7),
    entry("no-attention-highest", 0.82),
    entry("no-attention-lowest", 0.7),
  ];
  const sentence = layersSentence(text, entries);
  assert.match(sentence, /one run: DAAMv2 \+10\.0 \(the paper: \+0\.2, without a control\)/);
  assert.match(sentence, /without attention \+12\.0; density attention gains −2\.0 more/);
  assert.equal(layersSentence(text, entries.slice(1)), "");
});

test("parameter claims, by the counts of the facts: 1.4–2.4 % of GQA, 39 and 43 % fewer, 24 to 40 times, 1.7 times", () => {
  const [share, fewer, more, twice] = parameterSentences();
  assert.match(share!, /1\.4 \(24 × 1024\) and 2\.4 % \(40 × 5120\): contradicted by count/);
  assert.match(fewer!, /39\.4 .*DAAMv2 43\.1 .*holds by count at 40 × 5120 alone\.$/);
  assert.match(more!, /24\.0 .* 40\.0 .*: holds by count/);
  assert.match(twice!, /1\.7 .*holds by count at 40 × 5120 alone/);
});

test("runs that predict one class for every test item are counted by row", () => {
  const guesses = (classes: number[]) => ({
    best: "",
    last: Buffer.from(classes).toString("base64"),
  });
  const runOf = (method: string, run: number, classes: number[]) => ({
    ...cell("text", method, run, [0.5, 0.5, 0.5]),
    predictions: guesses(classes),
  });
  const cells = [runOf("mha", 1, [2, 2, 2]), runOf("mha", 2, [2, 1, 2]), runOf("daam-v1", 1, [0, 1, 2])];
  const sentence = collapseSentence(resultTable(text, methods, cells, 2));
  assert.match(sentence, /^One class for every test item at the last epoch: MHA \(1 of 2 runs\)\. /);
  assert.equal(collapseSentence(resultTable(text, methods, cells.slice(1), 2)), "");
});
