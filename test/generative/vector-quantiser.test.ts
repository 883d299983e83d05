import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  codebookUse,
  countCodes,
  nearestCodes,
  quantise,
  restartDeadCodes,
} from "#src/generative/vector-quantiser.js";
import { randomStream } from "#src/random.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, normal } from "../support/close.js";
import { refusal } from "../support/files.js";

const codebook = () => tf.tensor2d([[0, 0], [1, 0], [0, 2], [9, 9]]); // prettier-ignore
const vectors = () => tf.tensor2d([[0.9, 0.2], [-0.1, -0.1], [0.4, 1.8]]); // prettier-ignore

onEveryBackend("vector quantiser", () => {
  test("each vector becomes its nearest code; the loss is (1 + β) times the mean squared distance", async () => {
    const { vectors: q, codes, loss } = quantise(vectors(), codebook(), 0.25);
    assert.deepEqual([...(await codes.data())], [1, 0, 2]);
    await assertClose(q, tf.tensor2d([[1, 0], [0, 0], [0, 2]])); // prettier-ignore
    // distances by hand: 0.01 + 0.04, 0.01 + 0.01, 0.16 + 0.04
    await assertClose([(await loss.data())[0]!], [(1.25 * 0.27) / 6]);
  });

  test("nearest codes are those of all distances written out", async () => {
    const [z, e] = [normal<tf.Rank.R2>([50, 8], 1), normal<tf.Rank.R2>([20, 8], 2)];
    const distances = z.expandDims(1).sub(e.expandDims(0)).square().sum(2).arraySync() as number[][];
    const expected = distances.map((row) => row.indexOf(Math.min(...row)));
    assert.deepEqual([...(await nearestCodes(z, e).data())], expected);
  });

  test("the gradient of what follows passes straight through, and none of it to the codebook", async () => {
    const upstream = tf.tensor2d([[1, -2], [3, 0.5], [-1, 4]]); // prettier-ignore
    const f = (z: tf.Tensor, e: tf.Tensor) => {
      const { vectors: q, loss } = quantise(z as tf.Tensor2D, e as tf.Tensor2D, 0.25);
      return q.mul(upstream).sum().add(loss.mul(0));
    };
    const [dz, de] = tf.grads(f)([vectors(), codebook()]);
    await assertClose(dz!, upstream);
    assert.ok((await de!.data()).every((value) => value === 0));
  });

  test("the loss pulls vectors by β and codes by 1, each code by its own vectors", async () => {
    const beta = 0.25;
    const z = tf.tensor2d([[0.9, 0.2], [1.2, -0.4], [0.4, 1.8]]); // prettier-ignore
    const loss = (z: tf.Tensor, e: tf.Tensor) => quantise(z as tf.Tensor2D, e as tf.Tensor2D, beta).loss;
    const [dz, de] = tf.grads(loss)([z, codebook()]);
    const errors = [[-0.1, 0.2], [0.2, -0.4], [0.4, -0.2]]; // prettier-ignore
    await assertClose(
      dz!,
      errors.flat().map((error) => (2 * beta * error) / 6),
    );
    const [first, second] = [-0.1 + 0.2, 0.2 - 0.4];
    await assertClose(
      de!,
      [0, 0, first, second, 0.4, -0.2, 0, 0].map((error) => (-2 * error) / 6),
    );
  });

  test("codes that were not used move onto vectors, the others stay", async () => {
    const variable = tf.variable(codebook());
    const z = tf.tensor2d([[5, 6], [7, 8]]); // prettier-ignore
    await restartDeadCodes(variable, Int32Array.of(4, 0, 1, 0), z, randomStream(1, "test"));
    const rows = variable.arraySync() as number[][];
    assert.deepEqual([rows[0], rows[2]], [[0, 0], [0, 2]]); // prettier-ignore
    assert.deepEqual([rows[1], rows[3]].sort(), [[5, 6], [7, 8]]); // prettier-ignore
  });

  test("vectors and codes of different length are refused", () => {
    assert.throws(() => quantise(vectors(), tf.zeros([4, 3]), 0.25), refusal(/2 entries.*codes of 3/));
  });
});

test("usage and perplexity", () => {
  assert.deepEqual([...countCodes([2, 0, 2, 2], 4)], [1, 0, 3, 0]);
  assert.deepEqual(codebookUse(Int32Array.of(5, 0, 0, 0)), { usage: 0.25, perplexity: 1 });
  const even = codebookUse(Int32Array.of(7, 7, 7, 0));
  assert.equal(even.usage, 0.75);
  assert.ok(Math.abs(even.perplexity - 3) < 1e-12);
});
