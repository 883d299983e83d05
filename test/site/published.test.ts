import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeClasses } from "#src/experiments/outcome/outcome.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import { publishedTable } from "#src/report/pages/published.js";
import { publishedPresets, setOf, siteIndex, taskResults } from "#src/site/published.js";

describe("what the site reads of published results", () => {
  const index = siteIndex("0");

  it("has every published comparison with its verdict", () => {
    for (const { name, claims, tasks } of index.presets) {
      const { columns, rows } = publishedTable(name, "claims");
      const [task, verdict] = ["task", "verdict"].map((column) => columns.indexOf(column)) as [
        number,
        number,
      ];
      const read = claims.flatMap(({ claim, tasks }) =>
        Object.entries(tasks).map(([task, { verdict }]) => `${claim}/${task}: ${verdict}`),
      );
      assert.deepEqual(read.sort(), rows.map((row) => `${row[0]}/${row[task]}: ${row[verdict]}`).sort());
      assert.ok(tasks.length > 0);
    }
    assert.ok(index.presets.some(({ trainable }) => trainable));
  });

  for (const preset of publishedPresets())
    for (const name of Object.keys(preset.tasks))
      it(`has accuracies of ${preset.name} on ${name} that predictions and items give`, () => {
        const { classes } = findTask(name);
        const { rows, items } = taskResults(preset, name);
        const cellsOf = rows.reduce((sum, { cells }) => sum + cells.length, 0);
        let checked = 0;
        for (const { cells } of rows)
          for (const { run, last, predictions } of cells) {
            const predicted = decodeClasses(predictions.last, classes.length);
            const tested = items.sets[setOf(name, run, predicted.length)];
            if (!tested) continue; // of rows on fewer items
            const hits = predicted.filter((guess, i) => guess === items.labels[tested[i]!]).length;
            assert.ok(Math.abs(hits / predicted.length - last.accuracy) < 1e-4);
            checked++;
          }
        // of a preset that is not complete some tasks have rows on fewer items alone
        assert.ok(checked > 20 || cellsOf < 100);
      });
});
