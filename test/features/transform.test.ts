import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rowsInMemory } from "#src/features/rows.js";
import type { Items, TaskData } from "#src/features/select.js";
import { moments, type Transform, transformed } from "#src/features/transform.js";
import { randomStream } from "#src/random.js";

const [layers, features] = [6, 16];
const width = layers * features;
const random = randomStream(0, "transform test");

/** Items that stand at `first`, `first` + 2, … of their file. */
function items(n: number, first: number, spread = 1): Items {
  const values = Float32Array.from(
    { length: n * width },
    (_, i) => 3 + (i % width) + spread * random.normal(),
  );
  return {
    read: rowsInMemory(values, width),
    labels: Int32Array.from({ length: n }, (_, i) => i % 2),
    indices: Int32Array.from({ length: n }, (_, i) => first + 2 * i),
  };
}

const data: TaskData = { layers, features, classes: 2, train: items(300, 0), test: items(40, 1, 5) };
const all = ({ read, labels }: Items) => read(Int32Array.from(labels.keys()));
const after = (...transforms: Transform[]) => transformed(data, transforms);
const impulses = { kind: "impulses", strength: 4, seed: 1 } as const;
const decoys = { kind: "decoys", mark: 4, seed: 1 } as const;

describe("hidden states before a method sees them", () => {
  it("are the file's where nothing is done, and stay so in the file", () => {
    const before = all(data.test);
    assert.deepEqual(all(after().test), before);
    all(after({ kind: "scale", factor: 8 }, impulses).test);
    assert.deepEqual(all(data.test), before);
  });

  it("are multiplied by a factor", () => {
    const before = all(data.test);
    assert.deepEqual(
      all(after({ kind: "scale", factor: 8 }).test),
      before.map((value) => 8 * value),
    );
  });

  it("are standardised by the mean and deviation of each layer and feature over the training items alone", () => {
    const { train, test } = after({ kind: "standardise" });
    const { mean, sd } = moments(train, width);
    assert.ok(
      mean.every((value) => Math.abs(value) < 1e-6) && sd.every((value) => Math.abs(value - 1) < 1e-6),
    );
    // what the test items are does not matter: their deviation is five times that of the training items
    const deviation = moments(test, width).sd.reduce((a, b) => a + b) / width;
    assert.ok(Math.abs(deviation - 5) < 0.4, String(deviation));
    const [first, others] = [all(data.train), all(data.test)];
    const column = Array.from({ length: 300 }, (_, i) => first[i * width + 7]!);
    const average = column.reduce((a, b) => a + b) / 300;
    const spread = Math.sqrt(column.reduce((sum, value) => sum + (value - average) ** 2, 0) / 300);
    assert.equal(all(test)[2 * width + 7], Math.fround((others[2 * width + 7]! - average) / spread));
  });

  it("of a feature that never differs become 0", () => {
    const constant: Items = {
      ...data.train,
      read: (positions) => new Float32Array(positions.length * width).fill(7),
    };
    const { train } = transformed({ ...data, train: constant }, [{ kind: "standardise" }]);
    assert.ok(all(train).every((value) => value === 0));
  });

  it("are changed one transform after the other", () => {
    const scaled = after({ kind: "scale", factor: 32 }, { kind: "standardise" });
    const plain = after({ kind: "standardise" });
    // × 32 is exact in binary, and so are mean and deviation
    assert.deepEqual(all(scaled.train), all(plain.train));
  });

  it("are the same whatever batch an item is read in, and other noise is named by another seed", () => {
    for (const transform of [impulses, decoys]) {
      const { test } = after(transform);
      const whole = all(test);
      const some = test.read(Int32Array.of(31, 4));
      assert.deepEqual(some.subarray(0, width), whole.subarray(31 * width, 32 * width));
      assert.deepEqual(some.subarray(width), whole.subarray(4 * width, 5 * width));
      assert.deepEqual(all(after(transform).test), whole);
      assert.notDeepEqual(all(after({ ...transform, seed: 2 }).test), whole);
    }
  });
});

/** Which layers of an item differ from what they were. */
const changed = (a: Float32Array, b: Float32Array, item: number) =>
  [...Array(layers).keys()].filter((layer) => {
    const start = item * width + layer * features;
    return Array.from({ length: features }, (_, i) => start + i).some((at) => a[at] !== b[at]);
  });

describe("impulses", () => {
  it("are on one layer of every three, another from item to item, and as strong as said", () => {
    const [before, noisy] = [all(data.train), all(after(impulses).train)];
    const places = Array.from({ length: 300 }, (_, item) => changed(before, noisy, item));
    assert.ok(places.every(([a, b, ...rest]) => rest.length === 0 && a! < 3 && b! >= 3));
    for (let layer = 0; layer < layers; layer++) {
      const share = places.filter((at) => at.includes(layer)).length / 300;
      assert.ok(Math.abs(share - 1 / 3) < 0.1, String(share));
    }
    // variance of strength · |n| · u: 4² on a third of the layers
    const squares = noisy.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0) / noisy.length;
    assert.ok(Math.abs(squares / (16 / 3) - 1) < 0.2, String(squares));
  });
});

describe("decoys", () => {
  const before = all(data.test);
  const after_ = all(after(decoys).test);
  const layerOf = (values: Float32Array, item: number, layer: number) => [
    ...values.subarray(item * width + layer * features, item * width + (layer + 1) * features),
  ];

  it("keep one layer of every three, marked on its first eighth", () => {
    for (let item = 0; item < 40; item++) {
      const own = [...Array(layers).keys()].filter((layer) => {
        const [was, is] = [layerOf(before, item, layer), layerOf(after_, item, layer)];
        return is.every((value, i) => Math.abs(value - was[i]! - (i < 2 ? 4 : 0)) < 1e-5);
      });
      assert.equal(own.length, 2);
      assert.ok(own[0]! < 3 && own[1]! >= 3);
    }
  });

  it("are all other layers of one other item of the same side", () => {
    for (let item = 0; item < 40; item++) {
      const sources = [...Array(40).keys()].filter(
        (other) =>
          [0, 1, 2, 3, 4, 5].filter(
            (layer) => layerOf(after_, item, layer).join() === layerOf(before, other, layer).join(),
          ).length >= 4,
      );
      assert.equal(sources.length, 1);
    }
  });
});
