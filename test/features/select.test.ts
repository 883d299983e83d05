import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Features } from "#src/features/load.js";
import { balancedSubset, selectItems } from "#src/features/select.js";

const n = 40;
/** Item i has the value i, the label i mod 2, stands in fold i mod 5 and tests when i mod 4 is 3. */
const file: Features = {
  path: "made",
  items: n,
  layers: 1,
  features: 1,
  classes: 2,
  read: (items: ArrayLike<number>) => Float32Array.from(items),
  labels: Int32Array.from({ length: n }, (_, i) => i % 2),
  split: Int32Array.from({ length: n }, (_, i) => Number(i % 4 >= 2)),
  fold: Int32Array.from({ length: n }, (_, i) => i % 5),
  about: {},
};

describe("the items of a run", () => {
  it("share one split over runs", () => {
    const first = selectItems(file, { run: 1, split: "runs" });
    assert.deepEqual(selectItems(file, { run: 3, split: "runs" }).test.indices, first.test.indices);
    assert.deepEqual([first.train.labels.length, first.test.labels.length], [20, 20]);
    assert.ok(first.test.indices.every((i) => i % 4 >= 2));
    assert.deepEqual(
      [...first.test.read(Int32Array.of(3, 0))],
      [first.test.indices[3], first.test.indices[0]],
    );
  });

  it("test on fold run − 1", () => {
    const { train, test } = selectItems(file, { run: 2, split: "folds" });
    assert.ok(test.indices.every((i) => i % 5 === 1));
    assert.equal(train.indices.length + test.indices.length, n);
    const again = selectItems(file, { run: 7, split: "folds" });
    assert.deepEqual(again.test.indices, test.indices);
  });

  it("are cut down in file order, classes in turn", () => {
    const { train, test } = selectItems(file, { run: 1, split: "runs", trainItems: 4, testItems: 3 });
    assert.deepEqual([...train.indices], [0, 1, 4, 5]);
    assert.deepEqual([...test.indices], [2, 3, 6]);
    assert.deepEqual(balancedSubset(Int32Array.from([0, 0, 0, 1]), [0, 1, 2, 3], 3), [0, 1, 3]);
  });

  it("held out for choosing a rate never touch test items or training folds", () => {
    const runs = selectItems(file, { run: 1, split: "runs", holdout: true });
    const all = [...runs.train.indices, ...runs.test.indices];
    assert.ok(all.every((i) => i % 4 < 2) && new Set(all).size === 20);
    assert.deepEqual([...runs.test.indices], [16, 17, 36, 37]);
    const folds = selectItems(file, { run: 5, split: "folds", holdout: true });
    assert.ok(folds.test.indices.every((i) => i % 5 === 0));
    assert.ok(folds.train.indices.every((i) => i % 5 !== 0 && i % 5 !== 4));
  });

  it("must exist", () => {
    assert.throws(
      () => selectItems({ ...file, split: undefined }, { run: 1, split: "runs" }),
      /has no "split"/,
    );
  });
});
