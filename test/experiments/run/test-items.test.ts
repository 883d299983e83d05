import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "#src/experiments/run/run.js";

const run = await Run.open("quick");
const config = (task: string, fold: number) =>
  run.plan({ tasks: [task], methods: ["mha"] }).find((cell) => cell.run === fold)!.config!;

test("the test items of all folds are every recording once, in the groups of the 24 actors", () => {
  const folds = [1, 2, 3, 4, 5].map((fold) => run.testItems(config("speech", fold))!);
  const all = folds.flatMap(({ indices }) => [...(indices as number[])]);
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length, run.files.speech!.items);
  const actors = folds.map(({ groups }) => new Set(groups as number[]));
  assert.equal(
    actors.reduce((sum, { size }) => sum + size, 0),
    24,
  );
  assert.deepEqual(folds[0]!.labels, run.testLabels(config("speech", 1)));
});

test("items without a group are groups of their own", () => {
  const { groups, indices } = run.testItems(config("text", 1))!;
  assert.deepEqual(groups, indices);
});

test("cells of another feature file have no known test items", () => {
  assert.equal(run.testItems({ ...config("text", 1), features: "elsewhere" }), undefined);
  assert.equal(run.testItems({ ...config("text", 1), task: "music" }), undefined);
});
