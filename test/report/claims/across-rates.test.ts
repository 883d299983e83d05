import assert from "node:assert/strict";
import { test } from "node:test";
import Papa from "papaparse";
import type { CellResult, Method } from "#src/experiments/types.js";
import { acrossRates } from "#src/report/claims/across-rates.js";
import { collapseSentence, gainTable, spreadTable } from "#src/report/claims/claims.js";
import { judge } from "#src/report/claims/judge.js";
import type { ItemsOf } from "#src/report/claims/paired.js";
import { claimParagraphs, claimsTable, verdictTable } from "#src/report/claims/verdict.js";
import { differencesOf } from "#src/report/figures/result-figures.js";
import { toSvg } from "#src/report/figures/static.js";
import { ablationEntries, cellCounts, resultTable, rowOf, summary } from "#src/report/tables/rows.js";
import { csvTable, ratesTable, readableTable } from "#src/report/tables/tables.js";
import { cell, methods, predicting, text } from "../fixtures.js";

/** Nothing is tried below the first, whichever does best. */
const [low, high] = [3e-5, 1e-3];
const rates = [low, high];
const chooses: Method[] = methods.map((method) => ({ ...method, rates: () => rates, everyRate: true }));
const n = 200;
const runs = [1, 2, 3];

const range = (length: number) => Array.from({ length }, (_, i) => i);
const items: ItemsOf = () => ({ labels: range(n).map(() => 1), indices: range(n), groups: range(n) });

/** Of 200 test items of class 1, the first so many are right in each of three runs. */
const at = (method: string, learningRate: number, right: number): CellResult[] =>
  runs.map((run) => {
    const accuracy = right / n;
    const made = cell("text", method, run, [accuracy, accuracy, accuracy]);
    const guesses = range(n).map((i) => (i < right ? 1 : 0));
    return predicting({ ...made, config: { ...made.config, learningRate } }, guesses);
  });

/** Trainings on held-out items, two at each rate, by which a row chooses this one. */
const choosing = (method: string, chosen: number): CellResult[] =>
  rates.flatMap((learningRate) =>
    [1, 2].map((run) => {
      const accuracy = learningRate === chosen ? 0.6 : 0.5;
      const made = cell("text", method, run, [accuracy, accuracy, accuracy]);
      return { ...made, config: { ...made.config, learningRate, holdout: true as const } };
    }),
  );

const published = "Density attention beats dot-product attention as published";
/** DAAMv1 against published MHA, each at both rates, with what they chose. */
function versus(
  density: [low: number, high: number],
  mha: [low: number | undefined, high: number],
  chosen: { density?: number; mha?: number } = { density: high, mha: high },
) {
  const cells = rates.flatMap((rate, i) => [
    ...at("daam-v1", rate, density[i]!),
    ...(mha[i] === undefined ? [] : at("mha", rate, mha[i])),
  ]);
  const heldOut = [
    ...(chosen.density === undefined ? [] : choosing("daam-v1", chosen.density)),
    ...(chosen.mha === undefined ? [] : choosing("mha", chosen.mha)),
  ];
  const table = resultTable(text, chooses, cells, 3, heldOut);
  const judgements = judge([table], items);
  return { table, judgements, verdict: verdictTable(judgements).rows[0]![1] };
}

test("a verdict holds where every rate agrees", () => {
  const { judgements, verdict } = versus([180, 190], [100, 100]);
  assert.equal(verdict, "better");
  const { columns, rows } = claimsTable(judgements);
  assert.deepEqual(
    rows.map((row) =>
      ["claim", "here, last epoch", "rates", "verdict"].map((name) => row[columns.indexOf(name)]),
    ),
    [
      [published, "+40.0 (+33.2 to +46.8)", "3e-5", "better"],
      [published, "+45.0 (+38.0 to +52.0)", "1e-3 (chosen)", "better"],
    ],
  );
});

test("where rates disagree it depends on the rate, and which rate says what stands beside it", () => {
  const { judgements, verdict } = versus([180, 180], [180, 100]);
  assert.equal(verdict, "depends on the rate: better at 1e-3; equivalent within 1 point at 3e-5");
  assert.match(
    claimParagraphs(judgements)[0]!,
    /\(DAAMv1 − MHA\): depends on the rate on text\. The smallest/,
  );
});

test("rows that chose different rates are compared at these too, and that counts", () => {
  const { judgements, verdict } = versus([180, 180], [100, 180], { density: low, mha: high });
  assert.equal(
    verdict,
    "depends on the rate: better at 3e-5; equivalent within 1 point at 1e-3, own rates (3e-5, 1e-3)",
  );
  const own = judgements.find(({ rate }) => rate === undefined)!;
  assert.deepEqual([own.rates, own.chosen, own.last!.mean], [[[low], [high]], true, 0]);
  // at the same rate the rows differ by 40 points, but neither rate is chosen by both
  assert.deepEqual(
    judgements.filter(({ rate }) => rate !== undefined).map(({ chosen }) => chosen),
    [false, false],
  );
  const agreed = versus([180, 180], [100, 100], { density: low, mha: high });
  assert.equal(agreed.verdict, "better");
  assert.equal(agreed.judgements.length, 3);
});

test("a rate that one row lacks is not compared, and the verdict is incomplete", () => {
  const { table, judgements, verdict } = versus([180, 180], [undefined, 100]);
  assert.equal(verdict, "better (incomplete)");
  assert.deepEqual(
    judgements.map(({ rate }) => rate),
    [high],
  );
  assert.equal(table.complete, false);
  // of five rows two rates each
  assert.deepEqual(cellCounts(table), { done: 9, all: 30 });
  assert.match(claimParagraphs(judgements)[0]!, /better on text\. Incomplete on text\./);
});

test("while nothing is chosen each rate is shown and compared, and the row says so", () => {
  const { table, judgements, verdict } = versus([180, 180], [100, 100], { mha: high });
  assert.equal(verdict, "better (rates not chosen yet)");
  assert.equal(judgements.length, 2);
  assert.deepEqual(rowOf(table, "daam-v1")!.results, []);
  const shown = readableTable(table).rows.find(([title]) => title === "DAAMv1")!;
  assert.equal(shown[2], "rate not chosen yet");
  const { columns, rows } = ratesTable(table);
  assert.deepEqual(columns, [
    "method",
    "chosen",
    "3e-5, best epoch",
    "3e-5, last epoch",
    "1e-3, best epoch",
    "1e-3, last epoch",
  ]);
  assert.deepEqual(
    rows.filter(([title]) => /^(MHA|DAAMv1)$/.test(title!)),
    [
      ["MHA", "1e-3", ...new Array<string>(4).fill("50.0 ± 0.0")],
      ["DAAMv1", "not yet", ...new Array<string>(4).fill("90.0 ± 0.0")],
    ],
  );
  assert.equal(acrossRates(judgements)[0]!.lacks, "rates not chosen yet");
});

test("a row's figures are of the chosen rate, never of several", () => {
  const { table } = versus([100, 180], [60, 140], { density: high, mha: low });
  assert.deepEqual(summary(rowOf(table, "daam-v1")!, "last"), { mean: 90, sd: 0, n: 3 });
  assert.equal(summary(rowOf(table, "mha")!, "last")!.mean, 30);
  const lines = Papa.parse<Record<string, string>>(csvTable(table, () => "").trim(), { header: true }).data;
  assert.deepEqual(
    lines
      .filter(({ method }) => method === "MHA")
      .map((line) => [line["learning rate"], line.chosen, line["here last accuracy mean"], line.status]),
    [
      ["0.00003", "yes", "30.00", "3 of 3 runs"],
      ["0.001", "", "70.00", "3 of 3 runs"],
    ],
  );
});

test("Holm's family is a task at a rate", () => {
  // at the low rate one comparison is made, at the high one two of the same p
  const cells = rates.flatMap((rate) => [
    ...at("daam-v1", rate, 180),
    ...at("no-attention", rate, 184),
    ...(rate === high ? at("mixture", rate, 184) : []),
  ]);
  const judgements = judge([resultTable(text, chooses, cells, 3)], items);
  const factor = (claim: string, rate: number) => {
    const { last } = judgements.find((entry) => entry.claim === claim && entry.rate === rate)!;
    return last!.adjusted!.difference / last!.sure!.p;
  };
  assert.equal(factor("Density attention beats no attention", low), 1);
  assert.equal(factor("Density attention beats no attention", high), 2);
});

test("tables of one rate a row read as before: no further columns, no word on rates", () => {
  const cells = [...at("daam-v1", high, 180), ...at("mha", low, 100)];
  const table = resultTable(text, methods, cells, 3);
  assert.deepEqual(ratesTable(table).rows, []);
  assert.ok(!csvTable(table, () => "").includes("chosen"));
  assert.equal(verdictTable(judge([table], items)).rows[0]![1], "better, at different rates (1e-3, 3e-5)");
  assert.equal(differencesOf([table], judge([table], items)), undefined);
});

test("gains, widths and collapsed runs are told rate by rate", () => {
  const { table } = versus([180, 190], [100, 0], { density: low, mha: low });
  const gains = gainTable([table], items);
  assert.deepEqual(gains.columns.slice(0, 3), ["task", "rate", "over"]);
  assert.deepEqual(
    gains.rows.map(([, rate, , , , gain]) => [rate, gain!.slice(0, 5)]),
    [
      ["3e-5", "+40.0"],
      ["1e-3", "+95.0"],
      ["chosen", "+40.0"],
    ],
  );
  assert.deepEqual(
    spreadTable([table]).rows.map((row) => row.at(-1)),
    ["3e-5 (chosen)", "1e-3"],
  );
  assert.match(collapseSentence(table), /: MHA \(3 of 3 runs at 1e-3\)\./);
  assert.equal(
    ratesTable(table)
      .rows.find(([title]) => title === "MHA")!
      .at(-1),
    "0.0 ± 0.0, 3 collapsed",
  );
});

test("a row among the variants of an ablation stands at their rate", () => {
  const { table } = versus([120, 180], [100, 100], { density: high, mha: high });
  const variant = { ...methods[1]!, name: "heads-6", title: "6 heads", group: "ablation" as const };
  const entries = [
    { label: "g = 4", method: chooses[1]! },
    { label: "g = 6", method: variant },
  ];
  const accuracies = (of: CellResult[]) =>
    ablationEntries(entries, table, of).map(({ row }) => row.results.map(({ last }) => last.accuracy));
  assert.deepEqual(accuracies(at("heads-6", low, 150)), [[0.6], [0.75]]);
  assert.deepEqual(accuracies([]), [[0.9], []]);
});

test("the figure has a panel a task, differences at every rate and at each row's own, and hollow points for collapsed runs", async () => {
  const { table, judgements } = versus([180, 190], [100, 0], { density: low, mha: low });
  const figure = differencesOf([table], judgements)!;
  const [joined, own] = figure.data as unknown as {
    y: number[];
    error_y: { array: number[] };
    marker: { symbol: string[] };
  }[];
  assert.deepEqual(joined!.y, [40, 95]);
  assert.deepEqual(own!.y, [40]);
  assert.ok(Math.abs(joined!.error_y.array[0]! - 6.848) < 0.002);
  assert.deepEqual(joined!.marker.symbol, ["circle", "circle-open"]);
  const svg = await toSvg(figure);
  for (const word of ["News topic: over dot products", "DAAMv1 − MHA", "3e-5", "1e-3", "own", "Bars: 95 %"])
    assert.ok(svg.includes(`>${word}`), word);
});
