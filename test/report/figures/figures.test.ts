import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { boundedScores, densityWeights, entropies, meanOffsets } from "#src/report/figures/density.js";
import { createCanvas } from "@napi-rs/canvas";
import { differencesFigure } from "#src/report/figures/differences.js";
import { importanceHeatmap, layerShares, learnedRanges } from "#src/report/figures/attention.js";
import { batchLeakFigure } from "#src/report/figures/leak.js";
import { ablationFigure } from "#src/report/figures/results.js";
import { confusionMatrix } from "#src/report/figures/training.js";
import type { Figure } from "#src/report/figures/figure.js";
import {
  efficiencyOf,
  learnedRangesOf,
  learningCurvesOf,
  verdictOf,
} from "#src/report/figures/result-figures.js";
import { resultTable } from "#src/report/tables/rows.js";
import { saveFigure } from "#src/report/figures/save.js";
import { toHtml, toPng, toSvg } from "#src/report/figures/static.js";
import { methods, predicting, results, speech } from "../fixtures.js";
import { freshFolder } from "../../support/files.js";

const table = resultTable(speech, methods, results, 5);
const counts = [
  [8, 2],
  [3, 7],
];

/** What must be readable in each figure. */
const cases: Record<string, { figure: Figure; words: string[] }> = {
  curves: {
    figure: learningCurvesOf(table),
    words: ["Learning curves", "epoch", "test accuracy, %", "DAAMv1", "No attention"],
  },
  confusion: {
    figure: confusionMatrix("C", ["yes", "no"], counts),
    words: ["C", "yes", "no", "predicted", "true", "80 %"],
  },
  importance: {
    figure: importanceHeatmap("I", [
      [0, 1],
      [0.5, 0.2],
    ]),
    words: ["I", "feature", "layer", "importance factor"],
  },
  shares: {
    figure: layerShares("S", { mean: [40, 60], sd: [1, 2] }),
    words: ["S", "layer", "% of total attention", "equal: 50.0 %"],
  },
  ranges: {
    figure: learnedRangesOf([table]),
    words: ["speech, paper", "speech, here", "mean offset δ (starts at 0)"],
  },
  verdict: {
    figure: verdictOf([table])!,
    words: ["DAAMv1", "MHA over the layers", "here, last epoch"],
  },
  "verdict with a run that learned nothing": {
    figure: verdictOf([
      resultTable(
        speech,
        methods,
        results.map((one) => (one.name === "speech/mha/run-2" ? predicting(one, [3, 3, 3]) : one)),
        5,
      ),
    ])!,
    words: ["MHA (here 1 of 5 collapsed)", "DAAMv1"],
  },
  "verdict of few items": {
    figure: verdictOf([table], "few items")!,
    words: ["LoRA+ (r=4)", "not run yet"],
  },
  "ablation with a long title": {
    figure: ablationFigure("What density attention learns (Speech emotion, 1 fold, incomplete) at 1e-3", [
      { label: "none", best: { mean: 50, sd: 0, n: 1 } },
    ]),
    words: ["none"],
  },
  ablation: {
    figure: ablationFigure("A", [{ label: "g = 1", best: { mean: 50, sd: 0, n: 1 } }], {
      label: "none",
      value: 49,
    }),
    words: ["A", "g = 1", "none: 49.0 %", "test accuracy, %"],
  },
  efficiency: {
    figure: efficiencyOf(table),
    words: ["Accuracy against cost", "trained parameters", "seconds of training a run", "DAAMv1", "20k"],
  },
  leak: {
    figure: batchLeakFigure("L", [
      { title: "MHA", leak: { sizes: [1, 2], neighbours: [[0.5], [0.4]], orders: [0.4], changed: 0 } },
    ]),
    words: ["L", "MHA", "probability", "items in the batch; order: 2, reordered"],
  },
  weights: { figure: densityWeights([1, 2]), words: ["c = 1", "weight w"] },
  offsets: { figure: meanOffsets([-1, 0, 2], [-1, 0]), words: ["δ = −1", "value x"] },
  bound: { figure: boundedScores(), words: ["√2", "−√2"] },
  entropies: { figure: entropies([0, 1, 3]), words: ["log 3", "entropy, nats"] },
};

for (const [name, { figure, words }] of Object.entries(cases)) {
  test(`figure ${name}: the SVG carries its words, equal figures give equal SVGs, rendering changes nothing`, async () => {
    const before = JSON.stringify(figure);
    const svg = await toSvg(figure);
    for (const word of words) assert.ok(svg.includes(`>${word}`), word);
    assert.equal(await toSvg(figure), svg);
    assert.equal(JSON.stringify(figure), before);
  });

  test(`figure ${name}: title and labels stay in the picture`, async () => {
    const boxes = textBoxes(await toSvg(figure));
    assert.ok(boxes.length > 0);
    for (const { text, left, right } of boxes)
      assert.ok(left >= 0 && right <= figure.layout.width, `${text}: ${left} to ${right}`);
  });
}

/** Horizontal extent of titles and of labels on the left, which are not moved by their group; 0.58 em a character is DejaVu's mean. */
function textBoxes(svg: string): { text: string; left: number; right: number }[] {
  return [...svg.matchAll(/<text([^>]*)>([^<]+)</g)].flatMap(([, attributes, text]) => {
    const read = (name: string) => attributes!.match(new RegExp(`\\b${name}[=:] ?"?([\\w.]+)`))?.[1];
    const [anchor, width] = [
      read("text-anchor"),
      0.58 * Number.parseFloat(read("font-size")!) * text!.length,
    ];
    const x = Number(read("x"));
    if (anchor === "end") return [{ text: text!, left: x - width, right: x }];
    return read("class") === "gtitle" ? [{ text: text!, left: x, right: x + width }] : [];
  });
}

test("heatmaps wider than 512 features are averaged", () => {
  const { data } = importanceHeatmap("wide", [Array.from({ length: 1024 }, (_, i) => i % 2)]);
  const [{ z }] = data as unknown as [{ z: number[][] }];
  assert.equal(z[0]!.length, 512);
  assert.ok(z[0]!.every((value) => value === 0.5));
});

test("entries of a legend have room for their names", () => {
  const names = [
    "DAAMv1 − MHA, as published (over the batch)",
    "DAAMv1 − Softmax weights of the layers",
    "a − b",
  ];
  const points = [{ at: "1e-3", mean: 1, collapsed: false }];
  const panel = { title: "P", lines: names.map((name) => ({ name, points })) };
  const { layout } = differencesFigure("D", [[panel, panel], [panel]], { places: ["1e-3"], margin: 1 });
  const { width, margin } = layout;
  const { legend, legend2 } = layout as unknown as Record<string, { entrywidth: number }>;
  const context = createCanvas(1, 1).getContext("2d");
  context.font = '12px "DejaVu Sans"';
  for (const { entrywidth } of [legend!, legend2!])
    for (const name of names) {
      const room = entrywidth * (width - margin!.l! - margin!.r!) - 40;
      assert.ok(context.measureText(name).width <= room, `${name}: ${room}`);
    }
});

test("learned ranges leave out what there is none of", () => {
  const of = { meanOffset: [-1, 1], scaledVariance: [1, 3] } as {
    meanOffset: [number, number];
    scaledVariance: [number, number];
  };
  const { layout } = learnedRanges("R", [
    { task: "speech", paper: of, here: of },
    { task: "vision", paper: of },
  ]);
  assert.deepEqual(layout.yaxis!.categoryarray, ["speech, paper", "speech, here", "vision, paper"]);
});

test("many classes are not annotated", () => {
  const classes = Array.from({ length: 30 }, (_, i) => `class ${i}`);
  const { layout } = confusionMatrix(
    "many",
    classes,
    classes.map(() => classes.map(() => 1)),
  );
  assert.equal(layout.annotations!.length, 1);
});

test("a PNG has the size of the figure times the scale", async () => {
  const { figure } = cases.importance!;
  const png = await toPng(await toSvg(figure), 2);
  assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  assert.deepEqual(
    [png.readUInt32BE(16), png.readUInt32BE(20)],
    [2 * figure.layout.width, 2 * figure.layout.height],
  );
  const palette = 3;
  assert.equal(png[25], palette);
});

test("HTML cannot be broken by text in the figure or by its name", () => {
  const figure = { data: [], layout: { width: 10, height: 10, title: { text: "</script><b>" } } };
  const html = toHtml(figure, "a</title><script>");
  assert.equal(html.match(/<\/script>/g)!.length, 2);
  assert.equal(html.match(/<script/g)!.length, 2);
});

test("a saved figure is SVG, PNG and a page with Plotly beside it", async () => {
  const folder = freshFolder();
  await saveFigure(cases.weights!.figure, join(folder, "sub", "weights"));
  assert.deepEqual(readdirSync(join(folder, "sub")).sort(), [
    "plotly.min.js",
    "weights.html",
    "weights.png",
    "weights.svg",
  ]);
});

test("where a figure cannot be saved, one line says so", async () => {
  const file = join(freshFolder(), "file");
  writeFileSync(file, "");
  await assert.rejects(saveFigure(cases.weights!.figure, join(file, "weights")), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /cannot write .*weights/);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
});
