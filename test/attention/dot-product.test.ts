import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { dotProductAttention } from "#src/attention/dot-product.js";
import { groupedQueryAttention, type GroupedQueryForm } from "#src/attention/grouped-query.js";
import type { Module } from "#src/attention/module.js";
import { UserError } from "#src/errors.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";

const size = { layers: 3, features: 8 };
const draw = (module: Module) =>
  Object.fromEntries(
    Object.entries(module.parameters).map(([name, { shape }], i) => [name, normal(shape as [number], i + 1)]),
  );

const gradientsOf = (module: Module) => {
  const p = draw(module);
  const names = Object.keys(p);
  return assertGradients(
    (x, ...values) =>
      module.apply(x as tf.Tensor3D, Object.fromEntries(names.map((name, i) => [name, values[i]!]))),
    [normal([4, 3, 8], 50).mul(0.3), ...names.map((name) => p[name]!.mul(0.3))],
  );
};

onEveryBackend("dot-product attention", () => {
  for (const over of ["layers", "batch"] as const) {
    const module = dotProductAttention({ ...size, heads: 2, over });
    test(`gradients over the ${over} equal finite differences`, () => gradientsOf(module));

    test(`over the ${over}: a sample's output ${over === "batch" ? "depends" : "does not depend"} on its neighbours`, async () => {
      const x = normal<tf.Rank.R3>([4, 3, 8], 1);
      const first = (x: tf.Tensor3D) => module.apply(x, draw(module)).slice([0], [1]);
      const alone = first(x.slice([0], [1]));
      const [change] = await first(x).sub(alone).abs().max().data();
      if (over === "batch") assert.ok(change! > 1e-2);
      else assert.ok(change! < 1e-5);
    });
  }

  test("maps sum to 1 over the keys", async () => {
    const module = dotProductAttention({ ...size, heads: 2, over: "batch" });
    const map = module.map!(normal([4, 3, 8], 1), draw(module));
    assert.deepEqual(map.shape, [3, 2, 4, 4]);
    await assertClose(map.sum(3), tf.ones([3, 2, 4]));
  });
});

onEveryBackend("grouped-query attention", () => {
  for (const form of ["published", "scaled-once", "standard"] as GroupedQueryForm[]) {
    const module = groupedQueryAttention({ ...size, queryHeads: 4, keyValueHeads: 2, form });
    test(`gradients of the ${form} form equal finite differences`, () => gradientsOf(module));
  }

  test("the standard form by hand: one softmax a query head, heads concatenated", async () => {
    const [queryHeads, keyValueHeads, width] = [4, 2, 2];
    const module = groupedQueryAttention({ ...size, queryHeads, keyValueHeads, form: "standard" });
    const p = draw(module);
    const x = normal<tf.Rank.R3>([1, 3, 8], 60);
    const rows = x.squeeze([0]) as tf.Tensor2D;
    const project = (name: string) =>
      rows.matMul(p[`${name}Kernel`] as tf.Tensor2D).add(p[`${name}Bias`]!) as tf.Tensor2D;
    const [q, k, v] = [project("query"), project("key"), project("value")];
    const heads = Array.from({ length: queryHeads }, (_, h) => {
      const columns = (t: tf.Tensor2D, head: number) => t.slice([0, head * width], [-1, width]);
      const shared = Math.floor(h / (queryHeads / keyValueHeads));
      const scores = columns(q, h).matMul(columns(k, shared), false, true).div(Math.sqrt(width));
      return tf.softmax(scores as tf.Tensor2D).matMul(columns(v, shared));
    });
    const joined = tf.concat(heads, 1);
    const { mean, variance } = tf.moments(joined, 1, true);
    const normed = joined.sub(mean).div(variance.add(1e-5).sqrt()).mul(p.normScale!).add(p.normOffset!);
    const expected = normed.matMul(p.outKernel as tf.Tensor2D).add(p.outBias!);
    await assertClose(module.apply(x, p), expected);
  });

  test("with one query head a group all forms but the double scaling agree", async () => {
    const of = (form: GroupedQueryForm) =>
      groupedQueryAttention({ ...size, queryHeads: 2, keyValueHeads: 2, form });
    const p = draw(of("standard"));
    const x = normal<tf.Rank.R3>([2, 3, 8], 1);
    await assertClose(of("scaled-once").apply(x, p), of("standard").apply(x, p));
  });
});

test("heads that do not divide the features are refused", () => {
  assert.throws(() => dotProductAttention({ ...size, heads: 3, over: "layers" }), /divisor of 8/);
  const uneven = { ...size, queryHeads: 4, keyValueHeads: 3, form: "standard" } as const;
  assert.throws(() => groupedQueryAttention(uneven), UserError);
});
