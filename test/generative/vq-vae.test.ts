import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { imageSize, textures } from "#src/generative/images.js";
import { channelAttention, down, residual, up } from "#src/generative/residual.js";
import { shortSettings } from "#src/generative/settings.js";
import { trainingStep, trainVqVae, type VqVaeConfig } from "#src/generative/train.js";
import { VqVae } from "#src/generative/vq-vae.js";
import { Stopped } from "#src/errors.js";
import { initialise } from "#src/parameters.js";
import { randomStream } from "#src/random.js";
import { AdamW } from "#src/training/adamw.js";
import { onEveryBackend } from "../support/backends.js";
import { assertClose, assertGradients, normal } from "../support/close.js";
import { refusal } from "../support/files.js";

const tiny: VqVaeConfig = {
  ...shortSettings,
  trainImages: 16,
  testImages: 8,
  testFrom: 0,
  hidden: [8, 8],
  latent: 4,
  codes: 16,
  epochs: 3,
  batch: 8,
  attention: true,
  seed: 1,
};
const sets = { train: textures(16, 1, 16), test: textures(8, 2, 16) };
const model = (changes: Partial<VqVaeConfig> = {}) => new VqVae({ ...tiny, side: 16, ...changes });
const images = () => tf.randomUniform<tf.Rank.R4>([2, 16, 16, 3], 0, 1, "float32", 3);

onEveryBackend("VQ-VAE", () => {
  test("shapes: a quarter of the side in codes, an image out, for both variants", () => {
    for (const attention of [false, true]) {
      const { images: out, codes, loss } = model({ attention }).forward(images());
      assert.deepEqual([out.shape, codes.shape, loss.shape], [[2, 16, 16, 3], [2 * 4 * 4], []]);
    }
  });

  test("halving and doubling move the pixels of each 2×2 block where a strided convolution would", async () => {
    const x = normal<tf.Rank.R4>([2, 4, 6, 3], 1);
    const kernel = normal<tf.Rank.R2>([12, 5], 2);
    const bias = normal<tf.Rank.R1>([5], 3);
    const strided = tf.conv2d(x, kernel.reshape([2, 2, 3, 5]) as tf.Tensor4D, 2, "valid").add(bias);
    await assertClose(down(3, 5).apply(x, { kernel, bias }), strided);
    const back = normal<tf.Rank.R2>([5, 12], 4);
    const small = normal<tf.Rank.R4>([2, 2, 3, 5], 5);
    // (5, 2·2·3) → (2, 2, 3, 5)
    const transposed = back.reshape([5, 2, 2, 3]).transpose([1, 2, 3, 0]) as tf.Tensor4D;
    await assertClose(
      up(5, 3).apply(small, { kernel: back, bias: tf.zeros([3]) }),
      tf.conv2dTranspose(small, transposed, [2, 4, 6, 3], 2, "valid"),
    );
  });

  test("attention acts over the channels of each pixel alone", async () => {
    const layer = channelAttention(4, 6, { heads: 2, gaussians: 3 });
    const draw = randomStream(1, "test");
    const p = Object.fromEntries(
      Object.entries(layer.parameters).map(([name, spec]) => [name, initialise(spec, draw)]),
    );
    const x = normal<tf.Rank.R4>([2, 4, 4, 6], 1);
    const one = x.slice([1, 2, 3, 0], [1, 1, 1, 6]) as tf.Tensor4D;
    const alone = channelAttention(1, 6, { heads: 2, gaussians: 3 }).apply(one, p);
    const among = layer.apply(x, p).slice([1, 2, 3, 0], [1, 1, 1, 6]);
    await assertClose(among, alone);
    assert.ok((await among.sub(one).abs().max().data())[0]! > 1e-3);
  });

  test("gradients of a residual block equal finite differences", async () => {
    const { apply } = residual(3);
    const named = (inputs: (tf.Tensor | undefined)[]) => ({
      kernel1: inputs[0]!,
      bias1: tf.fill([3], 5), // away from the kink of ReLU
      kernel2: inputs[1]!,
      bias2: inputs[2]!,
    });
    await assertGradients(
      (x, ...rest) => apply(x as tf.Tensor4D, named(rest)),
      [normal([2, 4, 4, 3], 1), normal([3, 3, 3, 3], 2).mul(0.1), normal([3, 3, 3, 3], 3), normal([3], 4)],
    );
  });

  test("variants of a seed start from the same weights, another seed from others", async () => {
    const values = async (m: VqVae) =>
      Promise.all(
        m.variables.filter(({ shape }) => shape.length !== 2 || shape[1] !== 3).map((v) => v.data()),
      );
    const [without, withAttention, other] = [model({ attention: false }), model(), model({ seed: 2 })];
    assert.deepEqual(await values(without), await values(withAttention));
    assert.notDeepEqual(await values(other), await values(withAttention));
    // 4 blocks, each m and c of heads × Gaussians
    assert.equal(withAttention.parameters - without.parameters, 4 * 2 * tiny.heads * tiny.gaussians);
  });

  test("steps on one batch lower the loss, and memory stays flat", async () => {
    const m = model();
    const optimiser = new AdamW(m.variables, tiny);
    const losses: number[] = [];
    let tensors: number | undefined;
    for (let step = 0; step < 20; step++) {
      const { reconstruction } = await trainingStep(m, optimiser, images(), 0.08, 3e-3);
      losses.push(reconstruction);
      tensors ??= tf.memory().numTensors;
      assert.equal(tf.memory().numTensors, tensors);
    }
    assert.ok(losses.at(-1)! < 0.8 * losses[0]!, losses.join(", "));
  });

  test("training repeats digit for digit, leaves no tensor behind, and reports every epoch", async () => {
    const before = tf.memory().numTensors;
    const epochs: number[] = [];
    const first = await trainVqVae(sets, tiny, { onEpoch: ({ epoch }) => epochs.push(epoch) });
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(epochs, [1, 2, 3]);
    assert.equal(first.curve[0]!.restarted, tiny.codes);
    assert.ok(first.last.mse < first.curve[0]!.mse);
    assert.equal(first.reconstructions.pixels.length, 8 * imageSize(sets.test));
    assert.deepEqual(await trainVqVae(sets, tiny), first);
  });

  test("a signal stops training and leaves no tensor behind", async () => {
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const onStep = () => stop.abort();
    await assert.rejects(trainVqVae(sets, tiny, { onStep, signal: stop.signal }), Stopped);
    assert.equal(tf.memory().numTensors, before);
  });

  test("sizes that do not fit are refused", () => {
    assert.throws(() => model({ side: 18 } as object), refusal(/18 × 18 cannot be halved 2 times/));
    assert.throws(() => model({ hidden: [] }), refusal(/halved 0 times/));
    assert.throws(() => model({ heads: 5 }), refusal(/5 heads over 8 entries/));
  });
});
