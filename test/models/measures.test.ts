import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { measure } from "#src/models/measures.js";
import { Model } from "#src/models/model.js";
import type { Stage } from "#src/models/stages.js";

before(() => tf.setBackend("cpu"));

const [items, layers, features] = [8, 3, 16];
const model = (stages: Stage[]) => new Model({ stages, layers, features, hidden: 4, classes: 2, seed: 1 });
const states = (factor: number) =>
  tf.randomNormal([items, layers, features], 0, factor, "float32", 7) as tf.Tensor3D;
const overBatch: Stage = { kind: "dot-product", heads: 2, over: "batch" };
const near = (actual: number | undefined, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual! - expected) < tolerance, `${actual} is not ${expected}`);

test("small hidden states get equal weights, and outputs that hardly differ", async () => {
  const { itself, spread, weight } = (await measure(model([overBatch]), [states(1e-3)]))!;
  near(itself, 1 / items, 1e-4);
  assert.ok(spread! < 1e-3, String(spread));
  assert.equal(weight, undefined);
});

test("large ones attend to few items, and go on to differ", async () => {
  const { spread } = (await measure(model([overBatch]), [states(30)]))!;
  assert.ok(spread! > 0.5, String(spread));
});

test("an item that is alone attends to itself; batches count by their items", async () => {
  const x = states(1e-3);
  const alone = x.slice([0, 0, 0], [1, -1, -1]) as tf.Tensor3D;
  const other = model([overBatch]);
  near((await measure(other, [alone]))!.itself, 1, 1e-6);
  near((await measure(other, [x, alone]))!.itself, (items / items + 1) / (items + 1), 1e-4);
});

test("the weight of density attention is the mean of its map; other models have nothing that is measured", async () => {
  const x = states(1);
  const density = model([{ kind: "density", heads: 1 }]);
  const map = density.densityMap(x)!;
  near((await measure(density, [x]))!.weight, (await map.mean().data())[0]!, 1e-6);
  assert.equal(await measure(model([]), [x]), undefined);
  assert.equal(await measure(model([{ kind: "dot-product", heads: 2, over: "layers" }]), [x]), undefined);
});

test("a constant multiplies all of it and has nothing to learn", () => {
  const x = states(1);
  const half = model([{ kind: "multiply", factor: 0.5 }]);
  assert.deepEqual(half.through(x, 1).dataSync(), x.mul(0.5).dataSync());
  assert.equal(Object.keys(half.variables).filter((name) => !name.startsWith("decoder")).length, 0);
});
