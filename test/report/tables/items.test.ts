import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Papa from "papaparse";
import { decodeClasses } from "#src/experiments/outcome/outcome.js";
import { CellStore } from "#src/experiments/outcome/store.js";
import { tasks } from "#src/experiments/plan/tasks.js";
import { repository } from "#src/folders.js";
import { itemsTable } from "#src/report/tables/items.js";
import { cell, speech, text } from "../fixtures.js";

test("items stand once, by position, with the folds or the numbers of items that they belong to", () => {
  const indices = [[4, 7], [1]];
  const folds = itemsTable(
    speech,
    [1, 2, 6].map((run) => cell("speech", "mha", run, [0.5, 0.5, 0.5])),
    ({ config }) => {
      const own = indices[(config.run - 1) % 5]!;
      return { indices: own, labels: own.map(() => 2), groups: own.map((i) => 10 * i) };
    },
  );
  assert.deepEqual(folds.columns, ["position", "label", "group", "fold 1", "fold 2"]);
  assert.deepEqual(folds.rows, [
    ["1", "2", "10", "", "1"],
    ["4", "2", "40", "1", ""],
    ["7", "2", "70", "1", ""],
  ]);
  const none = itemsTable(text, [cell("text", "mha", 1, [0.5, 0.5, 0.5])], () => undefined);
  assert.deepEqual(none.rows, []);
});

for (const preset of ["quick", "small"])
  for (const { name, split, classes } of tasks)
    test(`results/${preset} alone gives the accuracies of ${name}: items and predictions`, () => {
      const folder = join(repository, "results", preset);
      const { data } = Papa.parse<Record<string, string>>(
        readFileSync(join(folder, "items", `${name}.csv`), "utf8"),
        { header: true, skipEmptyLines: true },
      );
      const store = new CellStore(folder);
      for (const method of ["daam-v1", "no-attention-few"].filter((of) =>
        existsSync(join(folder, "cells", name, of)),
      ))
        for (const run of [1, 2]) {
          const { predictions, last } = store.read(`${name}/${method}/run-${run}`)!;
          const guesses = decodeClasses(predictions.last, classes.length);
          const set = split === "folds" ? `fold ${run}` : `of ${guesses.length}`;
          const labels = data.filter((line) => line[set]).map(({ label }) => Number(label));
          assert.equal(labels.length, guesses.length);
          const right = guesses.filter((guess, i) => guess === labels[i]).length;
          assert.ok(Math.abs(right / guesses.length - last.accuracy) < 1e-12, `${method} ${run}`);
        }
    });
