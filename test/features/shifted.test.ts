import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "#src/errors.js";
import type { Features } from "#src/features/load.js";
import { rowsInMemory } from "#src/features/rows.js";
import { selectItems } from "#src/features/select.js";
import { shiftedItems } from "#src/features/shifted.js";

/** Items of one layer and one feature, whose value tells the file and the item: `from` + the number in its id. */
function file(ids: string[], from: number, rest: Partial<Features> = {}): Features {
  const numbers = ids.map((id) => Number(id.split("/")[1]));
  return {
    path: `file-${from}`,
    items: ids.length,
    layers: 1,
    features: 1,
    read: rowsInMemory(
      Float32Array.from(numbers, (n) => from + n),
      1,
    ),
    labels: Int32Array.from(numbers, (n) => n % 2),
    classes: 2,
    split: Int32Array.from(ids, (id) => (id.startsWith("test") ? 1 : 0)),
    ids,
    about: {},
    ...rest,
  };
}

const clean = file(["train/0", "train/1", "test/0", "test/1", "test/2", "test/3"], 0);
const run = selectItems(clean, { run: 1, split: "runs", testItems: 4 });
const values = (items: ReturnType<typeof shiftedItems>, set: string) => [
  ...items.sets[set]!.read(Int32Array.from(items.labels.keys())),
];

describe("shifted test items", () => {
  it("are those that every file has, in one order", () => {
    const weak = file(["test/3", "test/1", "test/0"], 10);
    const strong = file(["test/0", "test/2", "test/3", "test/9"], 20);
    const items = shiftedItems(clean, run.test, [
      ["weak", weak],
      ["strong", strong],
    ]);
    assert.deepEqual(Object.keys(items.sets), ["clean", "weak", "strong"]);
    assert.deepEqual(values(items, "clean"), [0, 3]);
    assert.deepEqual(values(items, "weak"), [10, 13]);
    assert.deepEqual(values(items, "strong"), [20, 23]);
    assert.deepEqual([...items.labels], [0, 1]);
    assert.equal(items.groups, undefined);
  });

  it("are never training items, and of a fold its own, with their groups", () => {
    const group = Int32Array.from([7, 8, 9, 7, 8, 9]);
    const fold = Int32Array.from([0, 1, 2, 0, 1, 2]);
    const ids = [0, 1, 2, 3, 4, 5].map((n) => `clip/${n}`);
    const recordings = file(ids, 0, { fold, group, split: undefined });
    const second = selectItems(recordings, { run: 2, split: "folds" });
    const items = shiftedItems(recordings, second.test, [["noise", file([...ids].reverse(), 10)]]);
    assert.deepEqual(values(items, "noise"), [11, 14]);
    assert.deepEqual([...items.groups!], [8, 8]);
  });

  const bad: [string, Features, Partial<Features>, RegExp][] = [
    ["no item in common", file(["test/8"], 10), {}, /no test item of file-0 is in every file/],
    [
      "other labels",
      file(["test/0"], 10, { labels: Int32Array.of(1) }),
      {},
      /file-10 has other labels than file-0/,
    ],
    ["no list of items", file(["test/0"], 10, { ids: undefined }), {}, /file-10 has no list of its items/],
    ["no list of clean items", file(["test/0"], 10), { ids: undefined }, /file-0 has no list of its items/],
  ];
  for (const [what, other, rest, message] of bad)
    it(`are refused with ${what}`, () => {
      const refused = () => shiftedItems({ ...clean, ...rest }, run.test, [["blur", other]]);
      assert.throws(refused, UserError);
      assert.throws(refused, message);
    });
});
