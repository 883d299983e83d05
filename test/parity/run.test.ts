import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "#src/errors.js";
import { readSafetensors, safetensorsOf } from "#src/formats/safetensors.js";
import { runParity } from "#src/parity/run.js";
import { onSoftwareToo } from "../support/backends.js";
import { freshFolder } from "../support/files.js";

const fixtures = "test/fixtures/reference";

onSoftwareToo("reference arrays", () => {
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

/** A reference file of the fixtures with other arrays or settings. */
function rewritten(name: string, to: string, change: (arrays: Record<string, any>) => void, about?: string) {
  const { tensors, metadata } = readSafetensors(join(fixtures, name));
  const arrays = Object.fromEntries(tensors) as Record<string, any>;
  change(arrays);
  writeFileSync(to, safetensorsOf(Object.entries(arrays), { about: about ?? metadata.about! }));
}

test("settings that are no JSON and arrays that do not fit fail with one line, and the other files are checked", async () => {
  const folder = freshFolder();
  rewritten("mha.safetensors", join(folder, "mha_a.safetensors"), () => {}, "{'heads': 4}");
  rewritten("mha.safetensors", join(folder, "mha_b.safetensors"), () => {}, "null");
  rewritten("mha.safetensors", join(folder, "mha_c.safetensors"), (arrays) => {
    const { shape, data } = arrays["in_proj_weight"];
    arrays["in_proj_weight"] = { shape: [shape[0], shape[1] / 2], data: data.subarray(0, data.length / 2) };
  });
  symlinkSync("gone", join(folder, "mha_d.safetensors"));
  copyFileSync(join(fixtures, "mha.safetensors"), join(folder, "mha_e.safetensors"));
  const lines = await runParity(folder);
  assert.deepEqual(
    lines.map(({ status }) => status),
    ["FAILED", "FAILED", "FAILED", "FAILED", "ok"],
  );
  for (const [i, pattern] of [
    /mha_a\.safetensors: its metadata "about" is no JSON object/,
    /mha_b\.safetensors: its metadata "about" is no JSON object/,
    /^its arrays or settings do not fit together \(.*\): fetch the reference again$/,
    /mha_d\.safetensors is a link to nothing; copy its folder/,
  ].entries())
    assert.match(lines[i]!.detail, pattern);
});

test("a folder that cannot be listed fails, one without expected values says so, links lead nowhere twice", async () => {
  const folder = freshFolder();
  copyFileSync(join(fixtures, "mha.safetensors"), join(folder, "mha.safetensors"));
  for (const name of ["encoder", "locked"]) mkdirSync(join(folder, name));
  cpSync(join(fixtures, "beit", "config.json"), join(folder, "encoder", "config.json"));
  symlinkSync(folder, join(folder, "encoder", "again"));
  chmodSync(join(folder, "locked"), 0);
  // the superuser may list everything
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, 65534, 65534);
  if (isRoot) process.seteuid!(65534);
  try {
    assert.deepEqual(
      (await runParity(folder)).map(({ path, status, detail }) => [
        path,
        status,
        status === "ok" ? "" : detail,
      ]),
      [
        ["encoder", "skipped", "no expected.safetensors"],
        ["locked", "FAILED", "cannot be listed (EACCES): make it readable"],
        ["mha.safetensors", "ok", ""],
      ],
    );
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});
