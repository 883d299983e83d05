import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeClasses } from "#src/experiments/outcome/outcome.js";
import { itemSet } from "#src/experiments/outcome/published-features.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import { publishedTable } from "#src/report/pages/published.js";
import { publishedPresets, siteIndex, taskResults } from "#src/site/published.js";

describe("what the site reads of published results", () => {
  const index = siteIndex("0");

  it("has every published line of a comparison, and its verdict across rates", () => {
    for (const { name, claims } of index.presets) {
      const read = claims.flatMap(({ tasks }) => Object.values(tasks).flatMap(({ lines }) => lines));
      const { columns, rows } = publishedTable(name, "claims");
      assert.deepEqual(
        new Set(read.map((line) => columns.map((column) => line[column]).join("|"))),
        new Set(rows.map((row) => row.join("|"))),
      );
      const verdicts = publishedTable(name, "verdict");
      for (const { claim, tasks } of claims)
        for (const [task, { verdict }] of Object.entries(tasks))
          assert.equal(
            verdict,
            verdicts.rows.find(([first]) => first === claim)![verdicts.columns.indexOf(task)],
          );
    }
    assert.ok(index.presets[0]!.claims.length > 0 && index.presets.some(({ trainable }) => trainable));
  });

  for (const preset of publishedPresets())
    for (const name of Object.keys(preset.tasks))
      it(`has accuracies of ${preset.name} on ${name} that predictions and items give`, () => {
        const { classes } = findTask(name);
        const { rows, items } = taskResults(preset, name);
        let checked = 0;
        for (const { cells } of rows)
          for (const { run, last, predictions } of cells) {
            const predicted = decodeClasses(predictions.last, classes.length);
            const tested = items.sets[itemSet(findTask(name), run, predicted.length)];
            if (!tested) continue; // of rows on fewer items
            const hits = predicted.filter((guess, i) => guess === items.labels[tested[i]!]).length;
            assert.ok(Math.abs(hits / predicted.length - last.accuracy) < 1e-4);
            checked++;
          }
        // quick is whole; of others cells may be published without their items, as those of few
        assert.ok(preset.name !== "quick" || (rows.length > 10 && checked > 30));
      });
});
