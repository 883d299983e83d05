import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encoderBytes, encoderId } from "#src/features/extraction.js";
import { freshFolder, refusal } from "../support/files.js";

test("an encoder is its regular files; a link to nothing is named", () => {
  const folder = freshFolder();
  writeFileSync(join(folder, "config.json"), "{}");
  const id = encoderId(folder);
  mkdirSync(join(folder, "cache.json"));
  assert.equal(encoderId(folder), id);
  assert.equal(encoderBytes(folder), 2);
  symlinkSync("../blobs/abc", join(folder, "model.safetensors"));
  assert.throws(() => encoderId(folder), refusal(/model\.safetensors is a link to nothing; copy its folder/));
});
