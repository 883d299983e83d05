import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readFeatures, writeFeatures } from "#src/experiments/outcome/published-features.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import type { CellConfig, CellResult, TestItems } from "#src/experiments/types.js";
import { writeWhole } from "#src/files.js";
import { itemsTable } from "#src/report/tables/items.js";
import { toCsv } from "#src/report/tables/text-table.js";
import { freshFolder, refusal } from "../../support/files.js";

const config = (task: string, run: number, more: Partial<CellConfig> = {}) =>
  ({ task, run, ...more }) as CellConfig;

/** Publishes what these configurations test. */
function published(task: string, sets: [CellConfig, TestItems][]): string {
  const folder = freshFolder();
  const results = sets.map(([config]) => ({ config }) as CellResult);
  const itemsOf = (result: CellResult) => sets.find(([config]) => config === result.config)![1];
  writeWhole(join(folder, "items", `${task}.csv`), toCsv(itemsTable(findTask(task), results, itemsOf)));
  return folder;
}

describe("published feature files", () => {
  it("give the test items of every fold, whatever its seed", () => {
    const folds: TestItems[] = [0, 1].map((fold) => ({
      indices: [fold, fold + 2],
      labels: [3 - fold, fold],
      groups: [7, 8 + fold],
    }));
    const folder = published("speech", [
      [config("speech", 1), folds[0]!],
      [config("speech", 2), folds[1]!],
    ]);
    writeFeatures(folder, { speech: { id: "made 0", layers: 12, features: 128 } });
    const { speech } = readFeatures(folder, ["speech", "text"]);
    assert.deepEqual(speech!.testItems(config("speech", 1)), folds[0]);
    assert.deepEqual(speech!.testItems(config("speech", 7)), folds[1]);
    assert.equal(speech!.testItems(config("speech", 3)), undefined);
    assert.equal(speech!.testItems(config("speech", 1, { holdout: true })), undefined);
  });

  it("give as many test items as a cell predicts", () => {
    const all: TestItems = { indices: [4, 5, 9], labels: [0, 1, 2], groups: [4, 5, 9] };
    const few: TestItems = { indices: [4, 9], labels: [0, 2], groups: [4, 9] };
    const some = config("text", 1, { testItems: 2 });
    const folder = published("text", [
      [config("text", 1), all],
      [some, few],
    ]);
    writeFeatures(folder, { text: { id: "made 0", layers: 12, features: 128 } });
    const { text } = readFeatures(folder, ["text"]);
    assert.deepEqual(text!.testItems(some), few);
    assert.deepEqual(text!.testItems(config("text", 2)), all);
    // more than there are: all
    assert.deepEqual(text!.testItems(config("text", 2, { testItems: 50 })), all);
  });

  it("have what the plan must know, without places on this machine", () => {
    const folder = published("text", [[config("text", 1), { indices: [0], labels: [0], groups: [0] }]]);
    const shifted = { "word-drop-0.1": "/somewhere/cache/dropped-0/features.safetensors" };
    const about = { repository: "a/b", commit: "c", dataset: "more" };
    const info = { id: "made 0", layers: 2, features: 3 };
    writeFeatures(folder, { text: { ...info, about, shifted }, vision: info });
    assert.doesNotMatch(readFileSync(join(folder, "features.json"), "utf8"), /somewhere/);
    // without its items a task is of no use
    const { text, ...others } = readFeatures(folder, ["text", "vision"]);
    const { testItems, ...kept } = text!;
    assert.equal(typeof testItems, "function");
    assert.deepEqual(kept, {
      ...info,
      about: { repository: "a/b", commit: "c" },
      shifted: { "word-drop-0.1": join("dropped-0", "features.safetensors") },
    });
    assert.deepEqual(others, {});
    writeFileSync(join(folder, "features.json"), "{");
    assert.throws(
      () => readFeatures(folder, ["text"]),
      refusal(/features\.json cannot be read .*: restore it/),
    );
    rmSync(join(folder, "features.json"));
    assert.ok(existsSync(folder));
    assert.deepEqual(readFeatures(folder, ["text"]), {});
  });
});
