/** The committed notebooks. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import Papa from "papaparse";
import { findPreset } from "#src/experiments/plan/presets.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import { joined, type Notebook, notebookText } from "#src/notebook/ipynb.js";

// This file is compiled to dist-test/notebook/.
const folder = new URL("../../notebooks/", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".ipynb"))) {
  const text = readFileSync(new URL(name, folder), "utf8");
  const notebook = JSON.parse(text) as Notebook;
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");

  test(`${name} is a notebook of this repository's kernel, written as nbformat writes it`, () => {
    assert.equal(notebook.nbformat, 4);
    assert.equal(notebook.metadata.kernelspec?.name, "tslab");
    assert.equal(new Set(notebook.cells.map((cell) => cell.id)).size, notebook.cells.length);
    assert.equal(notebookText(notebook), text);
  });

  test(`${name} was run from top to bottom without errors`, () => {
    assert.deepEqual(
      code.map((cell) => cell.execution_count),
      code.map((_, index) => index + 1),
    );
    const outputs = code.flatMap((cell) => cell.outputs!);
    assert.ok(outputs.every((output) => output.output_type !== "error"));
    assert.ok(outputs.every((output) => output.output_type !== "stream" || output.name !== "stderr"));
  });

  test(`${name} has short cells and imports nothing but the build and TensorFlow.js`, () => {
    for (const cell of code) assert.ok(joined(cell.source).split("\n").length <= 20, joined(cell.source));
    for (const [, from] of code.flatMap((cell) => [...joined(cell.source).matchAll(/\bfrom "([^"]+)"/g)]))
      assert.ok(["../dist/index.js", "@tensorflow/tfjs"].includes(from!), from);
  });

  test(`${name} names no path of the machine that ran it`, () => {
    const outputs = code.map((cell) => JSON.stringify(cell.outputs)).join();
    assert.ok(!/\/(home|root|Users|work|tmp)\//.test(outputs));
  });
}

/** Prose and code of a notebook. */
function sourceOf(name: string): string {
  const { cells } = JSON.parse(readFileSync(new URL(`${name}.ipynb`, folder), "utf8")) as Notebook;
  return cells.map(({ source }) => joined(source)).join("\n");
}

for (const [name, task] of [
  ["01-iemocap", "speech"],
  ["02-ag-news", "text"],
  ["03-cifar-100", "vision"],
] as const)
  test(`${name} tells the seeds that its presets have`, () => {
    const words = ["no", "one", "two", "three", "four", "five"];
    const [, quick, small] = /(\w+) seeds?(?: a fold)? in `quick`, (\w+) in `small`/.exec(sourceOf(name))!;
    const { split, paperRuns } = findTask(task);
    const seeds = (preset: string) =>
      words[findPreset(preset).tasks[task]!.runs / (split === "folds" ? paperRuns.length : 1)];
    assert.deepEqual([quick!.toLowerCase(), small], [seeds("quick"), seeds("small")]);
  });

test("04-ablations tells what results/small has of high and low layers", () => {
  const text = sourceOf("04-ablations");
  const layers = new URL("../../results/small/layers.csv", import.meta.url);
  const { data } = Papa.parse<Record<string, string>>(readFileSync(layers, "utf8"), { header: true });
  const verdicts = (task: string, start = "") =>
    data
      .filter((row) => row.task === task && row.difference!.startsWith(start))
      .map(({ here, runs, verdict }) => `${here!.slice(0, 1)}, ${runs}: ${verdict}`);
  assert.ok(text.includes("On text the layers of highest attention are better than those of lowest."));
  assert.deepEqual(verdicts("text", "DAAMv2, high"), ["+, 3 runs: better"]);
  assert.ok(
    text.includes("They are ahead **without attention too**, though with three runs that is not decided"),
  );
  assert.deepEqual(verdicts("text", "no attention, high"), ["+, 3 runs: undecided"]);
  assert.ok(text.includes("On speech nothing is decided."));
  assert.ok(verdicts("speech").every((found) => found.endsWith(": undecided")));
});
