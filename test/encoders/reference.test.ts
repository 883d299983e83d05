import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { checkEncoderCase } from "#src/parity/encoders.js";
import { onEveryBackend } from "../support/backends.js";

const cases = ["test/fixtures/reference", "test/fixtures/encoders"]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((folder) => existsSync(join(folder, "config.json")));

onEveryBackend("encoders equal transformers", () => {
  for (const folder of cases) {
    test(`${folder}: every hidden state and the logits, and nothing leaks`, async () => {
      const before = tf.memory().numTensors;
      const compared = await checkEncoderCase(folder);
      assert.ok(compared.some(({ quantity }) => quantity === "logits"));
      for (const { quantity, error, tolerance } of compared)
        assert.ok(error <= tolerance, `${quantity}: relative L2 ${error}`);
      assert.equal(tf.memory().numTensors, before);
    });
  }
});

test("the references cover every architecture, variant and file layout", () =>
  assert.equal(cases.length, 13));
