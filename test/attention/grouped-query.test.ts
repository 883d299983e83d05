import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { groupedQueryAttention, type GroupedQueryForm } from "#src/attention/grouped-query.js";
import { UserError } from "#src/errors.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";
import { draw, gradientsOf, size } from "./modules.js";

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

test("heads that do not divide are refused", () => {
  const uneven = { ...size, queryHeads: 4, keyValueHeads: 3, form: "standard" } as const;
  assert.throws(() => groupedQueryAttention(uneven), UserError);
});
