import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "#src/errors.js";
import {
  DensityAdaptiveAttention,
  GroupedQueryAttention,
  LayerWeights,
  MixtureOfDensities,
  MultiHeadDotProductAttention,
  importanceFactor,
  layerShares,
} from "#src/attention/layers/index.js";
import { fileHandler } from "#src/attention/layers/file-handler.js";
import { densityAttend } from "#src/attention/density.js";
import { onEveryBackend } from "../../support/backends.js";
import { assertClose, normal } from "../../support/close.js";
import { refusal } from "../../support/files.js";

const folder = mkdtempSync(join(tmpdir(), "layers-"));
after(() => rmSync(folder, { recursive: true }));

const inputShape = [6, 16];
const makers = {
  DensityAdaptiveAttention: () =>
    new DensityAdaptiveAttention({ heads: 2, inputShape, train: ["meanOffset"] }),
  MixtureOfDensities: () =>
    new MixtureOfDensities({ heads: 4, gaussians: 3, inputShape, axis: 2, residual: false, seed: 1 }),
  MultiHeadDotProductAttention: () =>
    new MultiHeadDotProductAttention({ heads: 4, over: "batch", inputShape, seed: 1 }),
  GroupedQueryAttention: () =>
    new GroupedQueryAttention({ queryHeads: 4, keyValueHeads: 2, inputShape, seed: 1 }),
  LayerWeights: () => new LayerWeights({ inputShape }),
};
const head = () => [
  tf.layers.flatten(),
  tf.layers.dense({
    units: 3,
    activation: "softmax",
    kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }),
  }),
];
const x = () => normal<tf.Rank.R3>([8, 6, 16], 5);

onEveryBackend("layers of tfjs", () => {
  for (const [name, make] of Object.entries(makers)) {
    test(`${name} trains in tf.sequential and survives save and load`, async () => {
      const layer = make();
      const model = tf.sequential({ layers: [layer, ...head()] });
      model.compile({ optimizer: tf.train.adam(0.05), loss: "categoricalCrossentropy" });
      const before = (await Promise.all(layer.getWeights().map((w) => w.data()))).map((w) => [...w]);
      const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2, 0, 1], "int32"), 3);
      const { history } = await model.fit(x(), y, { epochs: 5, verbose: 0 });
      assert.ok((history.loss!.at(-1) as number) < (history.loss![0] as number));
      const trained = (await Promise.all(layer.getWeights().map((w) => w.data()))).map((w) => [...w]);
      assert.notDeepEqual(trained, before);

      await model.save(fileHandler(join(folder, name)));
      const loaded = await tf.loadLayersModel(fileHandler(`file://${join(folder, name, "model.json")}`));
      await assertClose(loaded.predict(x()) as tf.Tensor, model.predict(x()) as tf.Tensor, 0);
      assert.deepEqual(loaded.layers[0]!.getConfig(), layer.getConfig());
    });
  }

  test("works in tf.model, where it gives its map and freezes what it does not train", async () => {
    const input = tf.input({ shape: inputShape });
    const layer = makers.DensityAdaptiveAttention();
    const model = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
    const expected = densityAttend(x(), tf.zeros([2, 16]), tf.fill([2, 16], 2));
    await assertClose(model.predict(x()) as tf.Tensor, expected, 1e-6);
    await assertClose(layer.map(x()).mul(x()), expected, 1e-6);
    assert.deepEqual([layer.trainableWeights.length, layer.nonTrainableWeights.length], [1, 1]);
  });

  test("the same seed draws the same values, its parameters differ from each other", async () => {
    const draw = () => {
      const layer = makers.GroupedQueryAttention();
      layer.build([null, 6, 16]);
      return layer.getWeights();
    };
    await assertClose(draw()[0]!, draw()[0]!, 0);
    const [query, , key] = draw();
    assert.notEqual((await query!.data())[0], (await key!.data())[0]);
  });
});

test("an input of another rank, and heads that do not fit, are refused", () => {
  assert.throws(
    () => makers.LayerWeights().build([null, 6]),
    /needs an input of shape \[batch, layers, features\]/,
  );
  assert.throws(() => new DensityAdaptiveAttention({ heads: 4 }).build([null, 6, 16]), UserError);
});

test("a missing option is named", () => {
  const missing = /MixtureOfDensities needs the option "gaussians": new MixtureOfDensities/;
  assert.throws(() => new MixtureOfDensities({ heads: 4, inputShape } as never), refusal(missing));
  assert.throws(() => new DensityAdaptiveAttention({ inputShape } as never), refusal(/the option "heads"/));
  assert.throws(() => new GroupedQueryAttention(undefined as never), refusal(/the option "queryHeads"/));
});

test("a map of a layer that is not built, or whose weights are the same for every input, is refused", () => {
  const weights = makers.LayerWeights();
  assert.throws(() => weights.map(x()), refusal(/LayerWeights is not built yet/));
  weights.apply(x());
  assert.throws(() => weights.map(x()), refusal(/has no attention map, since .*: read them with getWeights/));
});

test("what a layer's map gives has an importance factor and shares, means over its items", () => {
  const layer = makers.DensityAdaptiveAttention();
  layer.apply(x());
  const map = layer.map(x());
  const mean = { layers: 6, features: 16, values: map.mean(0).dataSync() };
  const near = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a, (value, i) => assert.ok(Math.abs(value - b[i]!) < 1e-5));
  near(importanceFactor(map), importanceFactor(mean));
  near(layerShares(map), layerShares(mean));
  const dot = makers.MultiHeadDotProductAttention();
  dot.apply(x());
  assert.throws(
    () => importanceFactor(dot.map(x())),
    refusal(/is \[batch, layers, features\], not \[6,4,8,8\]/),
  );
});

test("a model that names weights outside of its folder is refused, and a save that fails leaves no part", async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const target = join(folder, "foreign");
  await model.save(fileHandler(target));
  const path = join(target, "model.json");
  const json = JSON.parse(readFileSync(path, "utf8"));
  for (const outside of ["../../etc/hostname", "/etc/hostname"]) {
    json.weightsManifest[0].paths = [outside];
    writeFileSync(path, JSON.stringify(json));
    const named = /holds no saved model \(its model\.json names a file outside of it, ".*hostname"\)/;
    await assert.rejects(tf.loadLayersModel(fileHandler(target)), refusal(named));
  }
  rmSync(path);
  mkdirSync(path);
  await assert.rejects(model.save(fileHandler(target)), refusal(/cannot be written \(EISDIR\)/));
  assert.deepEqual(readdirSync(target).sort(), ["model.json", "weights.bin"]);
});

test("a folder without a model, or that cannot be written, is refused in one line", async () => {
  await assert.rejects(tf.loadLayersModel(fileHandler(join(folder, "nothing"))), /holds no saved model/);
  const file = join(folder, "file");
  writeFileSync(file, "");
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  await assert.rejects(model.save(fileHandler(join(file, "model"))), /cannot be written \(ENOTDIR\)/);
});
