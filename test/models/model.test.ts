import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "#src/errors.js";
import { decode, decoderParameters, imageOf } from "#src/models/decoder.js";
import { Model, countParameters } from "#src/models/model.js";
import type { Stage } from "#src/models/stages.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";

const grouped: Stage = { kind: "grouped-query", queryHeads: 8, keyValueHeads: 2, form: "published" };
const narrow: Stage = { kind: "linear", features: 512 };
const density = (heads: number): Stage => ({ kind: "density", heads });
const dotProduct: Stage = { kind: "dot-product", heads: 8, over: "batch" };

/** Counted from the shapes, without the last linear layer, 512 channels (facts, section 3): 24 × 1024 and 40 × 5120. */
const counted: [name: string, stages: Stage[], small: number, large?: number][] = [
  ["no attention", [], 221_720, 369_192],
  ["softmax weights of the layers", [{ kind: "layer-weights" }], 221_744, 369_232],
  ["mixture", [{ kind: "mixture", heads: 8, gaussians: 4 }], 221_784, 369_256],
  ["DAAMv2", [density(1)], 223_768, 379_432],
  ["DAAMv1", [density(8)], 238_104, 451_112],
  ["GQA", [narrow, grouped], 1_206_808, 3_451_432],
  ["GQDAAM", [density(8), narrow, grouped], 1_223_192, 3_533_352],
  ["MHA", [dotProduct], 4_420_120, 105_247_272],
  ["MHA → BN", [dotProduct, { kind: "batch-norm" }], 4_420_168, 105_247_352],
  ["MHA on one layer", [{ kind: "layers", indices: [22] }, dotProduct], 4_208_129],
];

for (const [name, stages, small, large] of counted) {
  test(`parameters of ${name}`, () => {
    const count = (layers: number, features: number) =>
      countParameters({ layers, features, hidden: 512, classes: 4, stages }).withoutLastLinear;
    assert.equal(count(24, 1024), small);
    if (large) assert.equal(count(40, 5120), large);
  });
}

test("images are the paper's, and the squarest elsewhere", () => {
  const sizes = [1024, 5120, 512, 128, 64].map((features) => imageOf(features).join("×"));
  assert.deepEqual(sizes, ["32×32", "64×80", "8×64", "8×16", "8×8"]);
});

test("initial values have PyTorch's bounds", () => {
  const p = decoderParameters({ layers: 12, features: 128, hidden: 64, classes: 4 });
  const bound = (name: string) => (p[name]!.initial as { bound: number }).bound;
  assert.equal(bound("conv1Kernel"), Math.sqrt(6 / (9 * 12 + 9 * 64)));
  assert.equal(bound("conv2Bias"), 1 / Math.sqrt(9 * 64));
  assert.equal(bound("linearKernel"), Math.sqrt(6 / (1536 + 4)));
});

test("methods of one seed start from the same decoder, whatever their attention draws", async () => {
  const options = { layers: 4, features: 8, hidden: 3, classes: 2, seed: 5 };
  const decoderOf = async (stages: Stage[]) => {
    const model = new Model({ ...options, stages });
    const entries = Object.entries(model.variables).filter(([name]) => name.startsWith("decoder"));
    const values = await Promise.all(entries.map(async ([, variable]) => [...(await variable.data())]));
    model.dispose();
    return values;
  };
  const plain = await decoderOf([]);
  assert.deepEqual(await decoderOf([{ kind: "mixture", heads: 2, gaussians: 2 }]), plain);
  const other = new Model({ ...options, seed: 6, stages: [] });
  assert.notDeepEqual([...(await other.variables["decoder.conv1Kernel"]!.data())], plain[0]);
  other.dispose();
});

test("layers that are not there, and widths that do not fit, are refused", () => {
  const build = (stages: Stage[]) =>
    new Model({ layers: 4, features: 8, hidden: 3, classes: 2, seed: 1, stages });
  assert.throws(() => build([{ kind: "layers", indices: [4] }]), /layer 4 is not among the 4 layers/);
  assert.throws(() => build([density(3)]), UserError);
});

onEveryBackend("a decoder whose input has no gradient", () => {
  test("has the same gradients of its parameters, digit for digit", async () => {
    const specs = decoderParameters({ layers: 3, features: 8, hidden: 5, classes: 2 });
    const variables = Object.entries(specs).map(([name, { shape }], i) =>
      tf.variable(normal(shape, i), true, name),
    );
    const p = Object.fromEntries(variables.map((variable) => [variable.name, variable]));
    const x = normal<tf.Rank.R3>([4, 3, 8], 99) as tf.Tensor3D;
    const gradientsOf = async (slope: boolean) => {
      const { value, grads } = tf.variableGrads(() => decode(x, p, slope).square().sum() as tf.Scalar);
      const numbers = await Promise.all(
        [value, ...Object.values(grads)].map(async (t) => [...(await t.data())]),
      );
      tf.dispose([value, ...Object.values(grads)]);
      return numbers;
    };
    assert.deepEqual(await gradientsOf(false), await gradientsOf(true));
    assert.throws(() => tf.grad((x) => decode(x as tf.Tensor3D, p, false))(x), /gradient/);
    tf.dispose([x, variables]);
  });
});

onEveryBackend("batch norm", () => {
  const stages: Stage[] = [{ kind: "batch-norm" }];
  const options = { layers: 2, features: 4, hidden: 3, classes: 2, seed: 1, stages };

  test("normalises each layer over batch and features, and follows with momentum 0.1", async () => {
    const model = new Model(options);
    const x = normal<tf.Rank.R3>([5, 2, 4], 1).mul(3).add(2) as tf.Tensor3D;
    const { variables } = model;
    const p = Object.fromEntries(Object.entries(variables).map(([name, v]) => [name.replace(/^0\./, ""), v]));
    const y = model.modules[0]!.apply(x, p, true);
    assert.ok((await y.mean([0, 2]).abs().max().data())[0]! < 1e-6);
    const { mean, variance } = tf.moments(x, [0, 2]);
    await assertClose(tf.moments(y, [0, 2]).variance, tf.ones([2]), 1e-4);
    await assertClose(variables["0.runningMean"]!, mean.mul(0.1));
    await assertClose(variables["0.runningVariance"]!, variance.mul((0.1 * 20) / 19).add(0.9));
    // At test time the running statistics are used: one sample's output does not depend on the others.
    const alone = model.modules[0]!.apply(x.slice([0], [1]), p, false);
    await assertClose(model.modules[0]!.apply(x, p, false).slice([0], [1]), alone, 1e-6);
    model.dispose();
  });
});
