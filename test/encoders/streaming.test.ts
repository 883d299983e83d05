import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { openEncoder } from "#src/encoders/encoder.js";
import { meanStates, type Halfway } from "#src/encoders/stream.js";
import { peak } from "./peak.js";
import { ids, writeLlama } from "./tiny.js";

const chunk = [ids([[1, 7, 9, 4]]), ids([[1, 3, 5, 8], [1, 2, 2, 6]])]; // prettier-ignore

test("streaming needs the memory of one layer and one chunk, whatever the number of layers", async () => {
  const peaks = [];
  for (const layers of [4, 8, 16]) {
    const encoder = await openEncoder(writeLlama(layers));
    const { numTensors } = tf.memory();
    peaks.push(await peak(() => meanStates(encoder, chunk)));
    assert.equal(tf.memory().numTensors, numTensors);
  }
  assert.ok(peaks[0]!.bytes > 0);
  assert.deepEqual(peaks[1], peaks[0]);
  assert.deepEqual(peaks[2], peaks[0]);
});

test("streamed mean states are the averages of the hidden states, item by item", async () => {
  const encoder = await openEncoder(writeLlama(4));
  const pooled = await meanStates(encoder, chunk);
  assert.equal(pooled.length, 3 * 4 * 64);
  const states = encoder.hiddenStates(chunk[1]!);
  for (const layer of [1, 4]) {
    const mean = await states[layer]!.mean(1).data(); // [2, 64]
    for (const item of [0, 1]) {
      const row = ((1 + item) * 4 + layer - 1) * 64;
      const error = Math.max(
        ...pooled.subarray(row, row + 64).map((x, i) => Math.abs(x - mean[item * 64 + i]!)),
      );
      assert.ok(error < 1e-5);
    }
  }
  tf.dispose(states);
});

test("a resident encoder gives the same, loads once, and frees on dispose", async () => {
  const folder = writeLlama(4);
  const before = tf.memory().numTensors;
  const resident = await openEncoder(folder, { resident: true });
  const loaded = tf.memory().numTensors;
  assert.deepEqual(await meanStates(resident, chunk), await meanStates(await openEncoder(folder), chunk));
  resident.layer(0).dispose();
  assert.equal(tf.memory().numTensors, loaded);
  resident.dispose();
  assert.equal(tf.memory().numTensors, before);
});

test("a passage that broke off anywhere goes on to the same means", async () => {
  const encoder = await openEncoder(writeLlama(4));
  const whole = await meanStates(encoder, chunk);
  const shares: number[] = [];
  await meanStates(encoder, chunk, { onStep: (share) => void shares.push(share) });
  assert.equal(shares.length, 2 * 5);
  assert.ok(shares.every((share, i) => share > (shares[i - 1] ?? 0)) && shares.at(-1) === 1);
  const before = tf.memory().numTensors;
  for (const stop of shares.slice(0, -1)) {
    let from: Halfway | undefined;
    const broken = meanStates(encoder, chunk, {
      onStep: async (share, halfway) => {
        if (share !== stop) return;
        from = structuredClone(await halfway());
        throw new Error("broken off");
      },
    });
    await assert.rejects(broken, /broken off/);
    const rest: number[] = [];
    const means = await meanStates(encoder, chunk, { from, onStep: (share) => void rest.push(share) });
    assert.deepEqual(means, whole);
    assert.deepEqual(rest, shares.slice(shares.indexOf(stop) + 1));
  }
  assert.equal(tf.memory().numTensors, before);
});
