import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { robustnessMethods, robustnessName } from "#src/experiments/robustness.js";
import { findTask } from "#src/experiments/tasks.js";
import type { CellResult, Preset } from "#src/experiments/types.js";
import { publish } from "#src/report/publish.js";
import {
  robustnessBlocks,
  robustnessCsv,
  robustnessDifferences,
  robustnessFigure,
  robustnessOf,
  robustnessSentences,
  robustnessTable,
} from "#src/report/robustness.js";
import { toSvg } from "#src/report/static.js";
import { shiftName } from "#src/shifts/shift.js";
import { cell, methods, preset, results } from "./fixtures.js";

const text = findTask("text");
const vision = findTask("vision");
const budget = { ...preset.tasks.text!, robustness: { runs: 3 } };
const shifting: Preset = { ...preset, tasks: { text: budget, vision: budget } };

/** A cell of 100 clean test items right at `clean` %, and `loss` points fewer a step of the shifts. */
function shiftedCell(
  task: typeof text,
  method: string,
  run: number,
  clean: number,
  loss: number,
): CellResult {
  const made = cell(task.name, method, run, [0.5, 0.5, clean / 100]);
  const sets = ["clean", ...task.shifts!.map(shiftName)].map((name, i) => [
    name,
    { accuracy: (clean - loss * i) / 100, predictions: "" },
  ]);
  const name = robustnessName(task.name, method, run);
  return { ...made, name, shifted: { labels: "", sets: Object.fromEntries(sets) } };
}

/** DAAMv1 begins 1 to 1.2 points below the others and loses 2 points a step, no attention 4, the others 2. */
const cells = [text, vision].flatMap((task) =>
  robustnessMethods.flatMap((method) =>
    [1, 2, 3].map((run) => {
      const clean = method === "daam-v1" ? 80 : 81 + 0.1 * (run - 1);
      return shiftedCell(task, method, run, clean, method === "no-attention" ? 4 : 2);
    }),
  ),
);
const [texts, images] = robustnessOf(shifting, [text, vision], cells);
const column = (table: { columns: string[]; rows: string[][] }, row: string, name: string) =>
  table.rows.find(([title]) => title === row)![table.columns.indexOf(name)];

test("the table has every row on clean inputs and at every shift", () => {
  const table = robustnessTable(texts!);
  assert.deepEqual(table.columns, [
    "method",
    "clean",
    "words dropped 10 %",
    "words dropped 20 %",
    "words dropped 40 %",
  ]);
  assert.equal(table.rows.length, robustnessMethods.length);
  assert.equal(column(table, "DAAMv1", "words dropped 40 %"), "74.0 ± 0.0");
  assert.equal(column(table, "No attention", "clean"), "81.1 ± 0.1");
  assert.equal(column(table, "No attention", "words dropped 20 %"), "73.1 ± 0.1");
});

test("differences are paired, and their change from clean says who loses less", () => {
  const table = robustnessDifferences(texts!);
  assert.equal(column(table, "DAAMv1 − No attention", "clean"), "−1.1 (−1.3 to −0.9)");
  assert.equal(column(table, "DAAMv1 − No attention", "words dropped 20 %"), "+2.9 (+2.7 to +3.1)");
  assert.equal(
    column(table, "DAAMv1 − No attention, change from clean", "words dropped 20 %"),
    "+4.0 (+4.0 to +4.0)",
  );
  assert.equal(
    column(table, "DAAMv1 − MHA over the layers, change from clean", "words dropped 40 %"),
    "+0.0 (+0.0 to +0.0)",
  );
  const first = cells.filter(({ config }) => config.run === 1 || config.method !== "daam-v1");
  const [one] = robustnessOf(shifting, [text], first);
  assert.equal(column(robustnessDifferences(one!), "DAAMv1 − No attention", "clean"), "−1.0 (one run)");
});

test("sentences count the shifts at which a row loses less", () => {
  const [none, mha] = robustnessSentences([texts!]);
  assert.match(
    none!,
    /^News topic on shifted inputs: DAAMv1 loses less than No attention at 3 of 3 shifts, more at 0, /,
  );
  assert.match(none!, /words dropped 40 % \+4\.9 \(\+4\.7 to \+5\.1\), change \+6\.0/);
  assert.match(mha!, /MHA over the layers at 0 of 3 shifts, more at 0, and no difference can be told at 3\./);
  assert.match(robustnessSentences([images!])[0]!, /noise σ 0\.2 .*; blur σ 2 /);
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
    robustnessTable(empty!).rows.every(([, clean, ...rest]) => clean === "not run yet" && !rest.join("")),
  );
  assert.equal(column(robustnessDifferences(empty!), "DAAMv1 − No attention", "clean"), "not run yet");
  assert.match(robustnessSentences([empty!])[0]!, /not run yet/);
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

test("a published folder has them apart from the tables", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "robustness-")), "small");
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
  assert.match(readme, /run --preset quick --part robustness` trains these cells again\. 21 cells took 26 s/);
  for (const name of [
    "figures/text-robustness.png",
    "cells/text/daam-v1/robustness-3.json",
    "cells/text/daam-v1/run-3.json",
  ])
    assert.ok(existsSync(join(folder, name)), name);
  const csv = readFileSync(join(folder, "robustness.csv"), "utf8");
  assert.match(csv, /^text,accuracy,DAAMv1,word-drop-0\.4,74\.00,0\.00,,,3$/m);
  assert.match(csv, /^text,change from clean,DAAMv1 − No attention,word-drop-0\.2,4\.00,,4\.00,4\.00,3$/m);
  await publish(folder, { ...publication, preset, robustness: [] });
  assert.ok(!readFileSync(join(folder, "README.md"), "utf8").includes("Robustness"));
});
