import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetNamed, type Item, locate } from "#src/datasets/index.js";
import { readSafetensors } from "#src/formats/safetensors.js";

/** The shipped features were made from these data: their labels, folds and ids are the check on the readers. */
const skip = process.env.DAAM_DATA ? false : "set DAAM_DATA to a folder with the raw data to run this";

const { DAAM_DATA } = process.env;

async function* itemsOf(name: string): AsyncGenerator<Item> {
  const dataset = datasetNamed(name);
  yield* dataset.items(await locate(dataset, { env: { DAAM_DATA }, fetch: false }));
}

test("RAVDESS gives the ids, labels, folds and actors of the shipped features", { skip }, async () => {
  const { tensors, metadata } = readSafetensors("data/features/speech.safetensors", [
    "labels",
    "fold",
    "group",
  ]);
  const about = JSON.parse(metadata.about!);
  const read: Item[] = [];
  for await (const item of itemsOf("ravdess")) read.push(item);
  assert.deepEqual(about.names, datasetNamed("ravdess").classes);
  assert.deepEqual(
    read.map(({ id }) => id),
    about.ids,
  );
  const column = (name: string) => [...tensors.get(name)!.data];
  assert.deepEqual(
    read.map(({ label }) => label),
    column("labels"),
  );
  assert.deepEqual(
    read.map(({ fold }) => fold),
    column("fold"),
  );
  assert.deepEqual(
    read.map(({ group }) => group),
    column("group"),
  );
});

for (const [name, features, train, testing] of [
  ["ag-news", "text", 750, 375],
  ["cifar-100", "vision", 50, 25],
] as const)
  test(`${name}: the first items of every class are those of the shipped features`, { skip }, async () => {
    const { tensors, metadata } = readSafetensors(`data/features/${features}.safetensors`, [
      "labels",
      "split",
    ]);
    const taken = new Map<string, number>();
    const labels: number[] = [];
    const splits: number[] = [];
    for await (const { label, split } of itemsOf(name)) {
      const key = `${split} ${label}`;
      taken.set(key, (taken.get(key) ?? 0) + 1);
      if (taken.get(key)! > (split === "train" ? train : testing)) continue;
      labels.push(label);
      splits.push(split === "train" ? 0 : 1);
    }
    assert.deepEqual(labels, [...tensors.get("labels")!.data]);
    assert.deepEqual(splits, [...tensors.get("split")!.data]);
    const { names } = JSON.parse(metadata.about!);
    if (names) assert.deepEqual(names, datasetNamed(name).classes);
  });

test("an unknown data set is refused with the list", () => {
  assert.throws(
    () => datasetNamed("mnist"),
    /unknown data set "mnist": choose one of iemocap, ravdess, ag-news, cifar-100/,
  );
});
