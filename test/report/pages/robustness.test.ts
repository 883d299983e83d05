import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { robustnessMethods, robustnessName } from "#src/experiments/plan/robustness.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import type { CellResult, Preset } from "#src/experiments/types.js";
import { publish } from "#src/report/pages/publish.js";
import {
  robustnessBlocks,
  robustnessCsv,
  robustnessFigure,
  robustnessTable,
} from "#src/report/pages/robustness.js";
import { robustnessOf } from "#src/report/tables/robustness-cells.js";
import { robustnessDifferences, robustnessVerdicts } from "#src/report/claims/robustness-differences.js";
import { toSvg } from "#src/report/figures/static.js";
import { shiftName } from "#src/shifts/shift.js";
import { cell, methods, preset, results } from "../fixtures.js";
import { freshFolder } from "../../support/files.js";

const text = findTask("text");
const vision = findTask("vision");
const budget = { ...preset.tasks.text!, robustness: { runs: 3 } };
const shifting: Preset = { ...preset, tasks: { text: budget, vision: budget } };

const base64 = (values: number[], bytes: Uint8ArrayConstructor | Uint16ArrayConstructor = Uint8Array) =>
  Buffer.from(bytes.from(values).buffer).toString("base64");

/** A cell of `n` test items, all of class 1: the first `right` of them are right on clean inputs, `loss` fewer a step of the shifts. */
function shiftedCell(
  task: typeof text,
  method: string,
  run: number,
  right: number,
  loss: number,
  n = 40,
): CellResult {
  const sets = ["clean", ...task.shifts!.map(shiftName)].map((name, i) => {
    const hits = Math.max(0, right - loss * i);
    const guesses = Array.from({ length: n }, (_, item) => (item < hits ? 1 : 0));
    return [name, { accuracy: hits / n, predictions: base64(guesses) }] as const;
  });
  return {
    ...cell(task.name, method, run, [0.5, 0.5, right / n]),
    name: robustnessName(task.name, method, run),
    shifted: { labels: base64(new Array<number>(n).fill(1)), sets: Object.fromEntries(sets) },
  };
}

/** DAAMv1 begins two of 40 items below no attention and loses one a step, no attention eight; the others are as DAAMv1, but for MHA. */
const cells = [text, vision].flatMap((task) =>
  robustnessMethods.flatMap((method) =>
    [1, 2, 3].map((run) => {
      if (method === "no-attention") return shiftedCell(task, method, run, 34, 8);
      return shiftedCell(task, method, run, method === "mha" ? 20 + run : 32, 1);
    }),
  ),
);
const [texts, images] = robustnessOf(shifting, [text, vision], cells);
const column = (table: { columns: string[]; rows: string[][] }, row: string, name: string) =>
  table.rows.find(([title]) => title === row)![table.columns.indexOf(name)];

/** Shifts of a comparison: all, better, worse, equivalent, undecided, at the floor. */
const counts = (of: Parameters<typeof robustnessVerdicts>[0][number], comparison = 0) =>
  robustnessVerdicts([of]).rows[comparison]!.slice(2, 8);

test("the table has every row on clean inputs and at every shift", () => {
  const table = robustnessTable(texts!);
  assert.deepEqual(table.columns, [
    "method",
    "rate",
    "clean",
    "words dropped 10 %",
    "words dropped 20 %",
    "words dropped 40 %",
  ]);
  assert.equal(table.rows.length, robustnessMethods.length);
  assert.equal(column(table, "DAAMv1", "words dropped 40 %"), "72.5 ± 0.0");
  assert.equal(column(table, "No attention", "words dropped 20 %"), "45.0 ± 0.0");
  // 21, 22 and 23 of 40: sd 2.5 · sqrt(2 / 3)
  assert.equal(column(table, "MHA, as published (over the batch)", "clean"), "55.0 ± 2.0");
});

test("differences are paired, and their change from clean says who loses less", () => {
  const table = robustnessDifferences(texts!);
  // runs are equal, so that the 40 items are all that varies: t of 39 degrees, 2.023, times √(p (1 − p) / 39) for 2, 19 and 14 of 40
  assert.equal(column(table, "DAAMv1 − No attention", "clean"), "−5.0 (−12.1 to +2.1)");
  assert.equal(column(table, "DAAMv1 − No attention", "words dropped 40 %"), "+47.5 (+31.3 to +63.7)");
  assert.equal(
    column(table, "DAAMv1 − No attention, change from clean", "words dropped 20 %"),
    "+35.0 (+19.6 to +50.4)",
  );
  assert.equal(
    column(table, "DAAMv1 − MHA over the layers, change from clean", "words dropped 40 %"),
    "+0.0 (+0.0 to +0.0)",
  );
});

test("with one seed a fold, the folds are what is drawn", () => {
  const speech = findTask("speech");
  const folds = [1, 2, 3, 4, 5].flatMap((run) =>
    ["daam-v1", "no-attention"].map((method) => {
      const made = shiftedCell(speech, method, run, method === "daam-v1" || run > 2 ? 8 : 0, 0, 8);
      const groups = base64(new Array<number>(8).fill(300 + run), Uint16Array);
      return { ...made, shifted: { ...made.shifted!, groups } };
    }),
  );
  const [part] = robustnessOf({ ...preset, tasks: { speech: budget } }, [speech], folds);
  // 100, 100, 0, 0, 0: sd 54.8, t of 4 degrees 2.776; forty items would give 24 to 56
  assert.equal(
    column(robustnessDifferences(part!), "DAAMv1 − No attention", "clean"),
    "+40.0 (−28.0 to +108.0)",
  );
});

test("without predictions there are differences and no intervals, and nothing is decided", () => {
  const bare = cells.map((made) => {
    const { sets } = made.shifted!;
    const without = Object.entries(sets).map(([name, set]) => [name, { ...set, predictions: "" }] as const);
    return { ...made, shifted: { labels: "", sets: Object.fromEntries(without) } };
  });
  const [part] = robustnessOf(shifting, [text], bare);
  assert.equal(column(robustnessDifferences(part!), "DAAMv1 − No attention", "words dropped 40 %"), "+47.5");
  assert.deepEqual(counts(part!), ["3", "0", "0", "0", "3", "0"]);
  assert.ok(robustnessCsv([part!]).rows.every((row) => !row[6] && !row[7]));
});

test("shifts are counted by what is lost there", () => {
  assert.deepEqual(counts(texts!), ["3", "3", "0", "0", "0", "0"]);
  // equal rows lose the same
  assert.deepEqual(counts(texts!, 1), ["3", "0", "0", "3", "0", "0"]);
  assert.equal(counts(images!)[0], "6");
});

test("shifts where nothing is left to lose are not counted", () => {
  // half of the items are of class 0, which is what is guessed once a shift takes the rest
  const labels = base64(Array.from({ length: 40 }, (_, item) => (item < 20 ? 0 : 1)));
  const fallen = cells.map((made) => {
    const sets = Object.keys(made.shifted!.sets).map((name, i) => {
      const guesses = Array.from({ length: 40 }, (_, item) => (item < 20 || i > 1 ? 0 : 1));
      return [name, { accuracy: i > 1 ? 0.5 : 1, predictions: base64(guesses) }] as const;
    });
    return { ...made, shifted: { labels, sets: Object.fromEntries(sets) } };
  });
  const [part] = robustnessOf(shifting, [text], fallen);
  assert.deepEqual(counts(part!), ["3", "0", "0", "1", "0", "2"]);
});

test("the figure has a line a row, told apart, and a panel a kind of shift", async () => {
  const figure = robustnessFigure(images!)!;
  const lines = figure.data as unknown as {
    name?: string;
    line: { color: string };
    marker?: { symbol: string };
  }[];
  const named = lines.filter(({ name }) => name);
  assert.equal(named.length, 2 * robustnessMethods.length);
  const looks = named
    .slice(0, robustnessMethods.length)
    .map(({ line, marker }) => line.color + marker!.symbol);
  assert.equal(new Set(looks).size, robustnessMethods.length);
  const svg = await toSvg(figure);
  for (const word of [
    "Image class on shifted inputs",
    "noise",
    "blur",
    "clean",
    "σ 0.05",
    "σ 2",
    "No attention",
  ])
    assert.ok(svg.includes(`>${word}`), word);
  const partial = robustnessFigure({ ...images!, results: images!.results.slice(0, 4) })!;
  assert.match((partial.layout.title as { text: string }).text, /incomplete/);
});

test("before any cell is finished, everything says so", () => {
  const [empty] = robustnessOf(shifting, [text], []);
  assert.equal(robustnessFigure(empty!), undefined);
  assert.ok(
    robustnessTable(empty!).rows.every(
      ([, rate, clean, ...rest]) => !rate && clean === "not run yet" && !rest.join(""),
    ),
  );
  assert.equal(column(robustnessDifferences(empty!), "DAAMv1 − No attention", "clean"), "not run yet");
  assert.equal(robustnessVerdicts([empty!]).rows[0]![3], "not run yet");
  assert.deepEqual(robustnessCsv([empty!]).rows, []);
  const blocks = robustnessBlocks(shifting, [empty!], () => []).join("\n");
  assert.match(blocks, /\(incomplete: 0 of 21 cells\)/);
});

test("unfinished rows say how many runs they have", () => {
  const [part] = robustnessOf(
    shifting,
    [text],
    cells.filter(({ config }) => config.run < 3),
  );
  assert.equal(column(robustnessTable(part!), "DAAMv1", "clean"), "80.0 ± 0.0 (2 of 3)");
});

test("cells of another setting than the preset's say so in every table and figure", () => {
  const parts = robustnessOf({ ...shifting, hidden: 32 }, [text], cells);
  const mark = /\(recorded: 3 epochs, 64 channels\)/;
  const [part] = parts;
  assert.match(robustnessTable(part!).columns[0]!, mark);
  assert.match(robustnessDifferences(part!).columns[0]!, mark);
  assert.ok(robustnessVerdicts(parts).rows.every(([task]) => mark.test(task!)));
  assert.match(JSON.stringify(robustnessFigure(part!)!.layout.title), mark);
  const blocks = robustnessBlocks(shifting, parts, () => []).join("\n");
  assert.match(blocks, /### News topic on shifted inputs \(recorded: 3 epochs, 64 channels\)/);
  assert.match(blocks, /not run at the one of now/);
  assert.doesNotMatch(robustnessBlocks(shifting, [texts!], () => []).join("\n"), /recorded/i);
});

test("a published folder has them apart from the tables", async () => {
  const folder = join(freshFolder(), "small");
  const publication = {
    preset: { ...preset, tasks: { ...preset.tasks, text: budget } },
    methods,
    tasks: [{ task: text, ablations: [] }],
    results: results.filter(({ config }) => config.task === "text"),
    robustness: cells.filter(({ config }) => config.task === "text"),
    machine: { cpu: "Test CPU", cores: 2, memoryGB: 8, system: "Linux 6", node: "v20.19.0" },
    settings: "",
    command: () => "",
  };
  await publish(folder, publication);
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  assert.match(readme, /^## Robustness on shifted inputs$/m);
  assert.match(readme, /^### News topic on shifted inputs$/m);
  assert.match(readme, /run --preset quick --part robustness` trains these cells again\./);
  for (const name of ["figures/text-robustness.png", "cells/text/daam-v1.jsonl.gz"])
    assert.ok(existsSync(join(folder, name)), name);
  const csv = readFileSync(join(folder, "robustness.csv"), "utf8");
  assert.match(csv, /^text,accuracy,DAAMv1,word-drop-0\.4,72\.50,0\.00,,,3$/m);
  assert.match(
    csv,
    /^text,change from clean,DAAMv1 − No attention,word-drop-0\.2,35\.00,,19\.5\d,50\.4\d,3$/m,
  );
  await publish(folder, { ...publication, preset, robustness: [] });
  assert.ok(!readFileSync(join(folder, "README.md"), "utf8").includes("Robustness"));
});
