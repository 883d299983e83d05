import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "#src/errors.js";
import { runParity } from "#src/parity/run.js";
import { onEveryBackend } from "../support/backends.js";

const fixtures = "test/fixtures/reference";

onEveryBackend("reference arrays", () => {
  test("every mechanism, the losses, the whole decoder, encoders and adapters agree with PyTorch, and nothing leaks", async () => {
    const before = tf.memory().numTensors;
    const lines = await runParity(fixtures);
    assert.deepEqual(
      lines.filter(({ status }) => status !== "ok"),
      [],
    );
    const files = lines.map(({ path }) => path);
    for (const stem of [
      "daam",
      "mixture",
      "mixture_padded",
      "density_block",
      "mha",
      "gqa",
      "focal_loss",
      "decoder",
      "beit/lora",
      "wavlm_large_style/adapter/expected",
    ]) {
      assert.ok(files.includes(`${stem}.safetensors`), stem);
    }
    assert.equal(tf.memory().numTensors, before);
  });
});

test("a damaged reference file fails with its name, an empty folder is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parity-"));
  try {
    await assert.rejects(runParity(folder), UserError);
    const copy = join(folder, "daam.safetensors");
    copyFileSync(join(fixtures, "daam.safetensors"), copy);
    truncateSync(copy, 3000);
    const [line] = await runParity(folder);
    assert.equal(line!.status, "FAILED");
    assert.match(line!.detail, /daam\.safetensors.*truncated/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
