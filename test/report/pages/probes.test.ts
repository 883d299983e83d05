import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { publishedItems } from "#src/experiments/outcome/published-features.js";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import { probeName, probes, recordedProbes } from "#src/experiments/plan/probes.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import type { CellResult, Preset, ProbePart, Task, TestItems } from "#src/experiments/types.js";
import { probeDifferenceTable, verdictCounts } from "#src/report/claims/probe-differences.js";
import {
  controlDifferences,
  controlFigure,
  controlFindings,
  controlVerdict,
} from "#src/report/pages/control.js";
import { publish } from "#src/report/pages/publish.js";
import { mixingFigure, mixingTable } from "#src/report/pages/mixing.js";
import { scaleDifferences, scaleFigure, scaleFindings, scaleOfPaper } from "#src/report/pages/scale.js";
import { toSvg } from "#src/report/figures/static.js";
import { bounded, probeResults, probeTable } from "#src/report/tables/probe-cells.js";
import { cell, methods, predicting, preset, results } from "../fixtures.js";
import { freshFolder } from "../../support/files.js";

const vision = findTask("vision");
const budget = { hidden: 4, rates: [3e-4, 1e-3], tasks: { vision: { runs: 3, epochs: 3 } } };
const probing: Preset = {
  ...preset,
  name: "small",
  tasks: { ...preset.tasks, vision: preset.tasks.text! },
  probes: { scale: budget, control: budget },
};

/** All of class 1. */
const N = 200;
const items = (): TestItems => ({
  labels: new Array<number>(N).fill(1),
  indices: [...Array(N).keys()],
  groups: [...Array(N).keys()],
});

/** A cell of which so many of its 200 items are right; which ones turns with the run. */
function probed(
  part: ProbePart,
  method: string,
  condition: string,
  rate: number,
  run: number,
  right: number,
) {
  const made = cell(vision.name, method, run, [0.1, 0.1, right / N]);
  const guesses = Array.from({ length: N }, (_, i) => ((i + 7 * run) % N < right ? 1 : 0));
  const { input } = probes[part].conditions.find(({ name }) => name === condition)!;
  const half = condition === "raw-x1" ? 0.002 : 0.5;
  return {
    ...predicting(made, guesses),
    name: probeName(vision.name, method, condition, rate, run),
    config: { ...made.config, preset: "small", learningRate: rate, input },
    attention: undefined,
    ...(method === "mha" && {
      measured: { before: { itself: 0.03125, spread: half }, after: { itself: 0.04, spread: 2 * half } },
    }),
  } as CellResult;
}

function cellsOf(
  part: ProbePart,
  right: (method: string, condition: string, run: number) => number,
): CellResult[] {
  return probes[part].rows.flatMap(({ name }) =>
    probes[part].conditions.flatMap((condition) =>
      budget.rates.flatMap((rate) =>
        [1, 2, 3].map((run) =>
          probed(part, name, condition.name, rate, run, right(name, condition.name, run)),
        ),
      ),
    ),
  );
}

const mhaTitle = "MHA, as published (over the batch)";

/** Every row is at 50 % but published MHA: 5 % on raw × 1, 40 % on raw × 8, 30 % elsewhere. */
const scaled = cellsOf("scale", (method, condition) =>
  method === "mha" ? ({ "raw-x1": 10, "raw-x8": 80 }[condition] ?? 60) : 100,
);
/** DAAMv1 wins under the strongest impulses, MHA over the layers with decoys, by 40 points. */
const controlled = cellsOf("control", (method, condition) => {
  const wins =
    (method === "daam-v1" && condition === "impulses-8") ||
    (method === "mha-layers" && condition === "decoys");
  return wins ? 140 : 60;
});
const [scale] = probeResults("scale", probing, [vision], scaled);
const [control] = probeResults("control", probing, [vision], controlled);

test("the table has a line a row and rate, and says what is missing", () => {
  const table = probeTable(scale!);
  assert.deepEqual(table.columns.slice(0, 4), ["method", "rate", "raw × 1", "raw × 8"]);
  assert.equal(table.rows.length, 6 * 2);
  assert.deepEqual(table.rows.find(([title]) => title === mhaTitle)!.slice(0, 4), [
    mhaTitle,
    "3e-4",
    "5.0 ± 0.0",
    "40.0 ± 0.0",
  ]);
  const some = scaled.filter(({ name }) => name !== "vision/mha/raw-x8/rate-3e-4/run-2");
  const [of] = probeResults("scale", probing, [vision], some);
  assert.equal(probeTable(of!).rows.find(([title]) => title === mhaTitle)![3], "40.0 ± 0.0 (2 of 3)");
});

test("cells of one part are no cells of the other", () => {
  const [none] = probeResults("control", probing, [vision], scaled);
  assert.equal(none!.results.length, 0);
  assert.deepEqual(probeResults("scale", preset, [vision], scaled), []);
});

test("published MHA: share kept, weights and spread before and after", () => {
  const [line, next] = mixingTable(scale!).rows;
  assert.deepEqual(line, ["raw × 1", "3e-4", "10 %", "3.1 → 4.0", "0.002 → 0.004"]);
  assert.deepEqual(next, ["raw × 8", "3e-4", "80 %", "3.1 → 4.0", "0.50 → 1.00"]);
});

test("differences are judged at the same condition and rate", () => {
  const differences = scaleDifferences(scale!, items);
  const of = (a: string, b: string) =>
    differences.filter(({ contrast }) => contrast.join() === [a, b].join());
  assert.equal(verdictCounts(of("daam-v1", "mha")), "better 12");
  assert.equal(verdictCounts(of("daam-v1", "no-attention")), "equivalent within 1 point 12");
  const raw = of("daam-v1", "mha")[0]!;
  assert.deepEqual([raw.condition.name, raw.rate, raw.found!.mean], ["raw-x1", 3e-4, 45]);
  const { columns, rows } = probeDifferenceTable(scale!, differences);
  assert.equal(columns.length, 2 + 6);
  assert.match(rows.find(([title]) => title === `DAAMv1 − ${mhaTitle}`)![2]!, /^\+45\.0 \(.*\) b$/);
  // without items there are no intervals, and nothing is decided
  assert.equal(verdictCounts(scaleDifferences(scale!)), "undecided 60");
});

test("the text says what scale does to published MHA, beside the paper", () => {
  const text = scaleOfPaper([scale!]);
  assert.match(text, /61\.7 against 80\.3 on CIFAR-100/);
  assert.match(
    text,
    /at 1e-3 .* from 10 % on raw × 1 to 80 % on raw × 8: DAAMv1 is \+45\.0 and \+10\.0 points ahead/,
  );
  assert.match(text, /share lies between these/);
  assert.match(text, /DAAMv1 is still \+10\.0 points ahead, 20 % of its accuracy \(the paper: 23 %\)/);
  assert.match(text, /as the paper's text has it, keeps 100 % there/);
  const [kept, mixed, gain] = scaleFindings(scale!, scaleDifferences(scale!, items));
  assert.match(
    kept!,
    /keeps 10 % of DAAMv1's accuracy on raw × 1 and 80 % on raw × 8; the paper's keeps 77 %/,
  );
  assert.match(mixed!, /0\.20 % on raw × 1, 50 % on raw × 8/);
  assert.match(gain!, /DAAMv1 − No attention, by condition and rate: equivalent within 1 point 12/);
  const even = cellsOf("scale", () => 100);
  const [of] = probeResults("scale", probing, [vision], even);
  assert.match(scaleOfPaper([of!]), /keeps less than ours at any scale/);
  assert.equal(scaleOfPaper(probeResults("scale", probing, [vision], [])), "");
});

test("the control says whether the rows that should win do", () => {
  const differences = controlDifferences(control!, items);
  assert.match(
    controlVerdict([differences]),
    /DAAMv1 is better than no attention in 2 of 2 .* sees effects of attention/,
  );
  assert.equal(controlFindings(control!, differences).length, 4);
  assert.match(
    controlFindings(control!, differences)[0]!,
    /impulses of 8, 3e-4: DAAMv1 − No attention \+40\.0 .*, better; without, equivalent within 1 point\.$/,
  );
  const [blind] = probeResults(
    "control",
    probing,
    [vision],
    cellsOf("control", () => 60),
  );
  assert.match(controlVerdict([controlDifferences(blind!, items)]), /0 of 2 .* does not show an effect/);
  assert.equal(controlVerdict([[]]), "");
});

test("intervals over runs are Student's", () => {
  const { mean, low, high } = bounded([1, 2, 3]);
  // t(0.975, 2) = 4.3027, sd 1, n 3
  assert.ok(Math.abs(mean - 2) < 1e-12 && Math.abs(high - 2 - 4.3027 / Math.sqrt(3)) < 1e-3);
  assert.ok(Math.abs(low + high - 4) < 1e-9);
  assert.deepEqual(bounded([5]), { mean: 5, low: 5, high: 5 });
});

test("figures are drawn from what is there", async () => {
  for (const figure of [scaleFigure([scale!]), mixingFigure([scale!]), controlFigure([control!])])
    assert.match(await toSvg(figure!), /<svg/);
  const traces = scaleFigure([scale!])!.data as { name: string; showlegend: boolean }[];
  const named = traces.filter(({ showlegend }) => showlegend).map(({ name }) => name);
  assert.deepEqual(named, ["chance", ...probes.scale.rows.map(({ title }) => title)]);
  const none = probeResults("scale", probing, [vision], []);
  assert.equal(scaleFigure(none) ?? mixingFigure(none) ?? controlFigure(none), undefined);
});

test("a published folder has sections, tables and figures, and its cells and items are read again", async () => {
  const folder = freshFolder();
  const tasks = [findTask("text"), vision].map((task: Task) => ({ task, ablations: [] }));
  await publish(folder, {
    preset: probing,
    methods,
    tasks,
    results: results.filter(({ config }) => config.task === "text"),
    probes: [...scaled, ...controlled],
    machine: { cpu: "made", cores: 2, memoryGB: 4, system: "made", node: "20" },
    settings: "made",
    command: () => "daam",
    items,
    features: { vision: { id: "made", layers: 12, features: 4 } },
  });
  const text = readFileSync(join(folder, "README.md"), "utf8");
  assert.match(text, /## The scale of the features\n/);
  assert.match(text, /## A positive control\n/);
  for (const name of ["scale", "scale-mixing", "control"])
    assert.ok(existsSync(join(folder, "figures", `${name}.svg`)), name);
  assert.equal(readFileSync(join(folder, "scale.csv"), "utf8").split("\n").length, 1 + 6 * 6 * 2 + 1);
  const again = recordedProbes(probing, "scale", new PublishedCells(folder));
  assert.equal(again.length, scaled.length);
  const read = publishedItems(folder)(again[0]!)!;
  assert.deepEqual(read, items());
  const [of] = probeResults("scale", probing, [vision], again);
  assert.deepEqual(probeTable(of!), probeTable(scale!));
});
