/** The committed notebooks. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
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
