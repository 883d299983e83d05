import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs";
import { readSafetensors, safetensorsOf } from "#src/formats/safetensors.js";
import { runParity } from "#src/parity/run.js";
import { checkSample } from "#src/parity/samples.js";
import { freshFolder, refusal } from "../support/files.js";

// Raw inputs of the three data sets and hidden states 0, 6 and 12 that transformers 5.18 computes from the shipped weights.
const sample = (task: string) => `test/fixtures/samples/${task}-sample.safetensors`;

test.before(async () => void (await tf.setBackend("wasm")));

for (const [task, what, quantities] of [
  ["speech", "a recording to hidden states of wavlm-mini", 3],
  ["text", "texts to tokens to hidden states of llama-mini", 16],
  ["vision", "images to hidden states of beit-mini", 3],
] as const)
  test(`${what}, and nothing leaks`, async () => {
    const before = tf.memory().numTensors;
    const compared = await checkSample(sample(task), task);
    assert.equal(compared.length, quantities);
    for (const { quantity, error, tolerance } of compared)
      assert.ok(error <= tolerance, `${quantity}: relative L2 ${error}`);
    assert.equal(tf.memory().numTensors, before);
  });

test("parity finds samples by their names; other values, other states and unknown tasks fail", async () => {
  const folder = freshFolder();
  const file = (task: string) => join(folder, `${task}-sample.safetensors`);
  copyFileSync(sample("vision"), file("smell"));
  const { tensors } = readSafetensors(sample("vision"));
  const write = (task: string, changed: object) =>
    writeFileSync(
      file(task),
      safetensorsOf(
        Object.entries({ ...Object.fromEntries(tensors), ...changed }).map(([name, { shape, data }]) => [
          name,
          { shape, data: Float32Array.from(data) },
        ]),
      ),
    );
  write("vision", { "hidden.6": tensors.get("hidden.0") });
  write("text", {});
  const lines = await runParity(folder);
  assert.deepEqual(
    lines.map(({ path, status }) => [path, status]),
    ["smell", "text", "vision"].map((task) => [`${task}-sample.safetensors`, "FAILED"]),
  );
  assert.match(lines[0]!.detail, /unknown task of .* "smell": choose one of speech, text, vision/);
  assert.match(lines[1]!.detail, /holds 3 hidden states, of which llama-mini gives 0 from its 0 raw inputs/);
  assert.match(lines[2]!.detail, /worst hidden\.6: relative L2/);
  write("vision", { "hidden.13": tensors.get("hidden.0") });
  await assert.rejects(
    checkSample(file("vision"), "vision"),
    refusal(/holds 4 hidden states, of which beit-mini gives 3/),
  );
});
