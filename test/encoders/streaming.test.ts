import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { openEncoder } from "#src/encoders/encoder.js";
import { ids, writeLlama } from "./tiny.js";

const chunk = [ids([[1, 7, 9, 4]]), ids([[1, 3, 5, 8], [1, 2, 2, 6]])]; // prettier-ignore

/** Most tensors and bytes alive at any allocation while `run` goes on. */
async function peak(run: () => Promise<void>): Promise<{ tensors: number; bytes: number }> {
  const { numTensors, numBytes } = tf.memory();
  const most = { tensors: 0, bytes: 0 };
  const engine = tf.engine() as any;
  const track = engine.trackTensor;
  engine.trackTensor = function (...args: unknown[]) {
    track.apply(this, args);
    const now = tf.memory();
    most.tensors = Math.max(most.tensors, now.numTensors - numTensors);
    most.bytes = Math.max(most.bytes, now.numBytes - numBytes);
  };
  try {
    await run();
  } finally {
    engine.trackTensor = track;
  }
  assert.equal(tf.memory().numTensors, numTensors);
  return most;
}

test("streaming needs the memory of one layer and one chunk, whatever the number of layers", async () => {
  const peaks = [];
  for (const layers of [4, 8, 16]) {
    const encoder = await openEncoder(writeLlama(layers));
    peaks.push(await peak(async () => void (await encoder.meanStates(chunk))));
  }
  assert.ok(peaks[0]!.bytes > 0);
  assert.deepEqual(peaks[1], peaks[0]);
  assert.deepEqual(peaks[2], peaks[0]);
});

test("streamed mean states are the averages of the hidden states, item by item", async () => {
  const encoder = await openEncoder(writeLlama(4));
  const pooled = await encoder.meanStates(chunk);
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
  assert.deepEqual(await resident.meanStates(chunk), await (await openEncoder(folder)).meanStates(chunk));
  resident.layer(0).dispose();
  assert.equal(tf.memory().numTensors, loaded);
  resident.dispose();
  assert.equal(tf.memory().numTensors, before);
});
