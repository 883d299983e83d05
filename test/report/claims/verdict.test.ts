import assert from "node:assert/strict";
import { test } from "node:test";
import type { CellResult } from "#src/experiments/types.js";
import { seedOf } from "#src/experiments/plan/tasks.js";
import { difference, type ItemsOf } from "#src/report/claims/paired.js";
import { resultTable } from "#src/report/tables/rows.js";
import { judge } from "#src/report/claims/judge.js";
import {
  claimParagraphs,
  claimsBeside,
  claimsTable,
  differenceText,
  repeatsNote,
  verdictTable,
} from "#src/report/claims/verdict.js";
import { choiceTable } from "#src/report/tables/choice.js";
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

test("equal rows are equivalent, a gain of 40 points is better, a loss of four of 200 items is not enough", () => {
  const judgements = judge([table], everyItem);
  const of = (claim: string) => judgements.find((entry) => entry.claim === claim)!.last!;
  const equal = of("Density attention beats no attention");
  assert.deepEqual([equal.mean, equal.sure!.interval, equal.sure!.p], [0, [0, 0], 1]);
  assert.equal(equal.verdict, "equivalent within 1 point");
  const gain = of("Density attention beats dot-product attention as published");
  assert.equal(gain.mean, 40);
  assert.equal(gain.verdict, "better");
  // 80 of 200 items differ, in every run: Student's interval of 200 values with variance 0.4 · 0.6
  const standardError = 100 * Math.sqrt((0.4 * 0.6) / 199);
  assert.ok(Math.abs(gain.sure!.interval[0] - (40 - 1.972 * standardError)) < 0.01);
  const loss = of("The mixture outperforms DAAMv1");
  assert.equal(loss.mean, -2);
  // t = 2 / (100 · √(0.02 · 0.98 / 199)) = 2.015 at 199 degrees of freedom; the second of three p
  assert.ok(Math.abs(loss.sure!.p - 0.0452) < 1e-3);
  assert.ok(Math.abs(loss.adjusted!.difference - 2 * loss.sure!.p) < 1e-12);
  assert.equal(loss.verdict, "undecided");
});

test("nothing is decided on one run, and the table says so", () => {
  const single = resultTable(
    text,
    methods,
    cells.filter(({ config }) => config.method !== "mha" || config.run === 1),
    3,
  );
  const judgements = judge([single], everyItem);
  assert.deepEqual(
    verdictTable(judgements).rows.map(([, verdict]) => verdict),
    ["equivalent within 1 point", "undecided (one run; incomplete)", "undecided"],
  );
  assert.match(
    claimParagraphs(judgements)[1]!,
    /\(DAAMv1 − MHA\): undecided on text\. One run on text\. Incomplete on text\.$/,
  );
});

test("rows at different rates are marked wherever they are compared", () => {
  const rates = cells.map((one) => ({
    ...one,
    config: { ...one.config, learningRate: one.config.method === "mha" ? 3e-3 : 1e-3 },
  }));
  const judgements = judge([resultTable(text, methods, rates, 3)], everyItem);
  assert.equal(verdictTable(judgements).rows[1]![1], "better, at different rates (1e-3, 3e-3)");
  const { columns, rows } = claimsTable(judgements);
  assert.deepEqual(
    rows.map((row) => row[columns.indexOf("rates")]),
    ["1e-3", "1e-3 − 3e-3", "1e-3"],
  );
});

test("comparisons of rows that predict the same count once", () => {
  const named = (name: string) => ({ ...methods[0]!, name, title: name });
  const rows = ["daam-v1-few", "lora-4", "lora-8"];
  const made = rows.flatMap((name) =>
    runs.map((run) => scored("text", name, run, name === "daam-v1-few" ? 112 : 100, 200)),
  );
  const judgements = judge([resultTable(text, rows.map(named), made, 3)], everyItem);
  const [four, eight] = judgements;
  assert.equal(judgements.length, 2);
  assert.deepEqual([four!.repeats, eight!.repeats], [undefined, four!.claim]);
  for (const { last } of judgements) assert.equal(last!.adjusted!.difference, last!.sure!.p);
  assert.match(
    repeatsNote(judgements),
    /^On text, 1 of 2 comparisons are distinct, .*LoRA \(r=8\).* is .*LoRA \(r=4\)/,
  );
  assert.equal(repeatsNote(judge([table], everyItem)), "");
});

test("on folds, seeds and actors are drawn within each fold; folds alone stand beside", () => {
  const folds = Array.from({ length: 10 }, (_, i) => i + 1);
  // two actors a fold; the second seed of every fold is two items better
  const made = folds.flatMap((run) => [
    scored("speech", "daam-v1", run, run > 5 ? 14 : 12, 20),
    scored("speech", "no-attention", run, 10, 20),
  ]);
  const byActor: ItemsOf = ({ config, predictions }) => {
    const items = everyItem({ config, predictions } as CellResult)!;
    const fold = (config.run - 1) % 5;
    return {
      labels: items.labels,
      indices: range(20, 20 * fold),
      groups: range(20).map((i) => 2 * fold + Number(i > 9)),
    };
  };
  const [found] = judge([resultTable(speech, methods, made, 10)], byActor);
  const { last } = found!;
  assert.equal(last!.mean, 15);
  // the folds are alike, the actors are not
  assert.deepEqual(last!.overFolds, [15, 15]);
  assert.ok(last!.sure!.interval[0] < 15);
  assert.equal(claimsTable([found!]).rows[0]![5], "(+15.0 to +15.0)");
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
  assert.deepEqual([found!.last!.collapsed, found!.last!.steady!.mean], [1, 0]);
  // three equal runs and one of 75 points: t = 1
  assert.ok(Math.abs(found!.last!.sure!.p - 0.39) < 0.01);
  assert.equal(found!.last!.verdict, "undecided");
  assert.match(claimsTable([found!]).rows[0]![4]!, /; without 1 collapsed run \+0\.0 \(/);
});

test("where every run collapsed, nothing is left without them, and that is said", () => {
  const rows = [1, 2].flatMap((run) => [
    scored("text", "daam-v1", run, 150, 200),
    scored("text", "mha", run, 0, 200),
  ]);
  const judgements = judge([resultTable(text, methods, rows, 2)], everyItem);
  assert.match(claimsTable(judgements).rows[0]![4]!, /^\+75\.0 .*; without 2 collapsed runs none is left$/);
  assert.match(claimParagraphs(judgements)[0]!, /Collapsed runs, which are counted, on text\./);
});

test("ends of an interval next to 0 keep their side", () => {
  const text = differenceText({
    mean: -0.7,
    runs: 3,
    sure: { interval: [-1.3, -0.03], p: 0.04, equivalence: 0.1, smallest: 0.9 },
  });
  assert.equal(text, "−0.7 (−1.30 to −0.03)");
});

test("cells whose test items are not known give the difference alone", () => {
  const tables = [resultTable(speech, methods, results, 5)];
  const { rows } = claimsTable(judge(tables));
  const published = rows.find(([claim]) => claim!.includes("as published"))!;
  // every DAAMv1 run is 5 points above its MHA run; the paper's cells: 67.36 − 62.26
  assert.deepEqual(published.slice(1), [
    "speech",
    "+5.1",
    "+5.0",
    "+5.0",
    ...new Array<string>(5).fill("–"),
    "1e-3",
    "undecided (test items not known)",
  ]);
  assert.deepEqual(claimsTable(judge(tables, () => undefined)).rows, rows);
  const short: ItemsOf = () => ({ labels: [1], indices: [0], groups: [0] });
  assert.deepEqual(claimsTable(judge(tables, short)).rows, rows);
});

test("rows that are absent are passed over, rows that are not run yet say so", () => {
  const claims = judge([table, resultTable(speech, methods, [], 5)], everyItem);
  assert.ok(claims.every(({ claim }) => !claim.includes("LoRA") && !claim.includes("GQDAAM")));
  assert.deepEqual(verdictTable(claims).rows[0], [
    "Density attention beats no attention",
    "equivalent within 1 point",
    "–",
  ]);
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
  const speechRow = [
    "Density attention beats no attention",
    "speech",
    ...new Array<string>(published.columns.length - 2).fill(""),
  ];
  const beside = claimsBeside(judgements, { ...published, rows: [...published.rows, speechRow] }, ["a", "b"]);
  assert.equal(beside.rows.length, published.rows.length);
  const [claim, task, ...rest] = beside.rows[1]!;
  assert.deepEqual([claim, task], ["Density attention beats dot-product attention as published", "text"]);
  assert.match(rest[0]!, /^\+40\.0 \(/);
  assert.deepEqual(rest.slice(0, 4), rest.slice(4));
});

test("beside claims at several rates, ours stands at the same rate, or in the first line", () => {
  const judgements = judge([table], everyItem);
  const published = claimsTable(judgements);
  const at = (...rates: string[]) =>
    rates.map((rate) =>
      published.rows[1]!.map((text, i) => (published.columns[i] === "rates" ? rate : text)),
    );
  const ours = (...rates: string[]) =>
    claimsBeside(judgements, { ...published, rows: at(...rates) }, ["a", "b"]).rows.map((row) => row[4]);
  assert.deepEqual(ours("1e-4", "1e-3 (chosen)", "1e-3 − 1e-4"), ["–", "1e-3", "–"]);
  assert.deepEqual(ours("1e-4", "3e-4"), ["1e-3", "–"]);
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
  assert.deepEqual([found.mean, found.sure!.interval, found.sure!.p], [0, [0, 0], 1]);
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
