import assert from "node:assert/strict";
import { test } from "node:test";
import type { CellResult } from "#src/experiments/types.js";
import { difference, type ItemsOf, seedOf } from "#src/report/claims/paired.js";
import { resultTable } from "#src/report/tables/rows.js";
import {
  choiceTable,
  claimsBeside,
  claimSentences,
  claimsTable,
  differenceText,
  judge,
  verdictOn,
  verdictSummary,
} from "#src/report/claims/verdict.js";
import { cell, methods, predicting, results, speech, text } from "../fixtures.js";

/** A cell whose first `right` of `n` test items, all of class 1, are right at the last epoch. */
function scored(task: string, method: string, run: number, right: number, n: number): CellResult {
  const accuracy = right / n;
  const guesses = Array.from({ length: n }, (_, i) => (i < right ? 1 : 0));
  return predicting(cell(task, method, run, [accuracy, accuracy, accuracy]), guesses);
}

const range = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);
const everyItem: ItemsOf = ({ predictions }) => {
  const n = Buffer.from(predictions.last, "base64").length;
  return { labels: range(n).map(() => 1), indices: range(n), groups: range(n) };
};

const runs = [1, 2, 3];
const cells = [
  ...runs.map((run) => scored("text", "daam-v1", run, 180, 200)),
  ...runs.map((run) => scored("text", "no-attention", run, 180, 200)),
  ...runs.map((run) => scored("text", "mha", run, 100, 200)),
  ...runs.map((run) => scored("text", "mixture", run, 176, 200)),
];
const table = resultTable(text, methods, cells, 3);

test("the headline is what attention adds to the same decoder", () => {
  assert.deepEqual(claimsTable(judge([table], everyItem)).rows[0]!.slice(0, 2), [
    "Density attention beats no attention",
    "text",
  ]);
});

test("equal rows are undecided, a gain of 40 points holds, a loss of four of 200 items is not enough", () => {
  const judgements = judge([table], everyItem);
  const of = (claim: string) => judgements.find((entry) => entry.claim === claim)!.last!;
  const equal = of("Density attention beats no attention");
  assert.deepEqual([equal.mean, equal.interval, equal.p, equal.verdict], [0, [0, 0], 1, "undecided"]);
  const gain = of("Density attention beats dot-product attention as published");
  assert.equal(gain.mean, 40);
  assert.equal(gain.verdict, "holds");
  // analytic: 80 of 200 items differ, sd of a mean of 200 draws sqrt(0.4 · 0.6 / 200)
  assert.ok(Math.abs(gain.interval![0] - (40 - 1.96 * 3.464)) < 1);
  const loss = of("The mixture outperforms DAAMv1");
  // four differences of one sign: 2 of 16 choices; three comparisons
  assert.deepEqual([loss.mean, loss.p, loss.adjusted, loss.verdict], [-2, 0.125, 0.25, "undecided"]);
});

test("decided needs both: a corrected p below 0.05 and an interval that leaves 0 out", () => {
  const found = { mean: 1, runs: 5 };
  assert.equal(verdictOn({ ...found, interval: [0.1, 2] }, 0.01), "holds");
  assert.equal(verdictOn({ ...found, interval: [-2, -0.1] }, 0.01), "contradicted");
  assert.equal(verdictOn({ ...found, interval: [0.1, 2] }, 0.05), "undecided");
  assert.equal(verdictOn({ ...found, interval: [-0.1, 2] }, 0.01), "undecided");
  assert.equal(verdictOn(found, undefined), "no interval");
});

test("a difference that one collapsed run makes is undecided, and what is left without it stands beside it", () => {
  const four = [1, 2, 3, 4];
  const rows = four.flatMap((run) => [
    scored("text", "daam-v1", run, 150, 200),
    // all items are of class 1: no answer right is one class for every item
    scored("text", "mha", run, run === 4 ? 0 : 150, 200),
  ]);
  const [found] = judge([resultTable(text, methods, rows, 4)], everyItem).filter(({ claim }) =>
    claim.endsWith("as published"),
  );
  assert.equal(found!.last!.mean, 18.75);
  assert.deepEqual([found!.last!.steady!.collapsed, found!.last!.steady!.mean], [1, 0]);
  assert.equal(found!.last!.verdict, "undecided");
  assert.match(claimsTable([found!]).rows[0]![4]!, /; without 1 collapsed run \+0\.0 \(/);
});

test("ends of an interval next to 0 keep their side", () => {
  const text = differenceText({ mean: -0.7, runs: 3, interval: [-1.3, -0.03] });
  assert.equal(text, "−0.7 (−1.30 to −0.03)");
});

test("cells whose test items are not known give the difference alone", () => {
  const tables = [resultTable(speech, methods, results, 5)];
  const { rows } = claimsTable(judge(tables));
  const published = rows.find(([claim]) => claim!.includes("as published"))!;
  // every DAAMv1 run is 5 points above its MHA run; the paper's cells: 67.36 − 62.26
  assert.deepEqual(published.slice(1), ["speech", "+5.1", "+5.0", "+5.0", "–", "–", "no interval"]);
  assert.deepEqual(claimsTable(judge(tables, () => undefined)).rows, rows);
  const short: ItemsOf = () => ({ labels: [1], indices: [0], groups: [0] });
  assert.deepEqual(claimsTable(judge(tables, short)).rows, rows);
});

test("rows that are absent are passed over, rows that are not run yet say so", () => {
  const claims = judge([table, resultTable(speech, methods, [], 5)], everyItem);
  assert.ok(claims.every(({ claim }) => !claim.includes("LoRA") && !claim.includes("GQDAAM")));
  assert.match(claimSentences(claims)[0]!, /\(DAAMv1 − No attention\): .*speech not run yet: open\.$/);
});

test("two rows that another preset recorded are judged in its tables, not here", () => {
  const recorded = methods.map((method) => ({
    ...method,
    ...(/no-attention|daam-v1/.test(method.name) && { recorded: "small" }),
  }));
  const claims = judge([resultTable(text, recorded, cells, 3)], everyItem).map(({ claim }) => claim);
  assert.ok(!claims.includes("Density attention beats no attention"));
  assert.ok(claims.includes("The mixture outperforms DAAMv1"));
});

test("claims stand beside those that another preset published, task by task", () => {
  const judgements = judge([table], everyItem);
  const published = claimsTable(judgements);
  const speechRow = ["Density attention beats no attention", "speech", "", "", "+9.9", "", "", "holds"];
  const beside = claimsBeside(judgements, { ...published, rows: [...published.rows, speechRow] }, ["a", "b"]);
  assert.equal(beside.rows.length, published.rows.length);
  const [claim, task, here, verdict, there, verdictThere] = beside.rows[1]!;
  assert.deepEqual([claim, task], ["Density attention beats dot-product attention as published", "text"]);
  assert.deepEqual([here, verdict], [there, verdictThere]);
});

test("the summary counts comparisons under a protocol", () => {
  assert.deepEqual(
    verdictSummary(judge([table], everyItem), "last").map((line) => line.split(":")[0]),
    ["holds, 1 of 3", "contradicted, 0 of 3", "undecided, 2 of 3"],
  );
});

test("only the test items that both cells have are compared", () => {
  const [a, b] = [scored("text", "daam-v1", 1, 10, 20), scored("text", "lora-4", 1, 0, 10)];
  // the ten items of the second are the last ten of the first, where the first is wrong too
  const itemsOf: ItemsOf = (result) => {
    const indices = result === a ? range(20) : range(10, 10);
    return { labels: indices.map(() => 1), indices, groups: indices };
  };
  const terms = [
    { results: [a], sign: 1 },
    { results: [b], sign: -1 },
  ] as const;
  assert.equal(difference(text, terms, "last", itemsOf)!.mean, 0);
});

test("a difference of differences cancels what both have", () => {
  const row = (method: string) => cells.filter(({ config }) => config.method === method);
  const terms = [
    { results: row("daam-v1"), sign: 1 },
    { results: row("mha"), sign: -1 },
    { results: row("no-attention"), sign: -1 },
    { results: row("mha"), sign: 1 },
  ] as const;
  const found = difference(text, terms, "last", everyItem)!;
  assert.deepEqual([found.mean, found.interval, found.p], [0, [0, 0], 1]);
});

test("on folds, runs 1–5 are the first seed and 6–10 the second; elsewhere a run is a seed", () => {
  assert.deepEqual(
    [1, 5, 6, 25].map((run) => seedOf(run, speech)),
    [1, 1, 2, 5],
  );
  assert.equal(seedOf(6, text), 6);
});

test("what choosing the epoch is worth: best less last, and the mean of the rows", () => {
  const { columns, rows } = choiceTable([resultTable(speech, methods, results, 5)]);
  assert.deepEqual(columns, ["row", "speech"]);
  // the fixtures' last epoch is two points below the best
  assert.deepEqual(rows[0], ["MHA", "+2.0"]);
  assert.deepEqual(rows.at(-1), ["mean of the rows", "+2.0"]);
});
