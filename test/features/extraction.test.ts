import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encoderBytes, encoderId, withCounts } from "#src/features/extraction.js";
import { freshFolder, refusal, temporaryFolder } from "../support/files.js";

test("the shipped encoders' ids stay: they name cached hidden states, which recorded cells name", () => {
  assert.deepEqual(
    ["wavlm-mini", "llama-mini", "beit-mini"].map((name) => encoderId(join("data/encoders", name))),
    ["76328a9578dec18d", "12b249e52c4aeb56", "ea81a86d3557d3a2"],
  );
});

test("of weights beyond a gigabyte, a change at every 64 MB is seen", () => {
  const { root, file } = temporaryFolder();
  file("config.json", "{}");
  const weights = file("model.safetensors", "");
  const bytes = 2 ** 30 + 5_000_000; // sparse: it takes no room
  truncateSync(weights, bytes);
  const write = (at: number) => {
    const open = openSync(weights, "r+");
    writeSync(open, Buffer.from([1]), 0, 1, at);
    closeSync(open);
  };
  const seen = new Set([encoderId(root)]);
  const places = [0, 7 * 64 * 2 ** 20 + 1_000, 2 ** 30, bytes - 1];
  for (const at of places) {
    write(at);
    seen.add(encoderId(root));
  }
  assert.equal(seen.size, 1 + places.length);
});

test("the user's numbers take the place of the preset's, and shifted items stay test items", () => {
  const own = { dataset: "ag-news", encoder: "e", perClass: { train: 9, test: 9 } };
  const plain = { dataset: "ag-news", encoder: "e" };
  assert.deepEqual(withCounts(own, {}), own);
  assert.deepEqual(Object.keys(withCounts(own, { limit: 5 })).sort(), ["dataset", "encoder", "limit"]);
  const perClass = { train: 2, test: 1 };
  assert.deepEqual(withCounts(own, { perClass }), { ...plain, perClass });
  assert.deepEqual(withCounts(own, { perClass, limit: 5 }), { ...plain, perClass, limit: 5 });
  const shifted = { ...plain, perClass: { train: 0, test: 9 } };
  assert.deepEqual(withCounts(shifted, { limit: 5 }), { ...plain, perClass: { train: 0 }, limit: 5 });
});

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
