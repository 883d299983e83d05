import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { listBackends } from "#src/backend/choose.js";
import { GPU_CASES, SMALL_GPU_CASES } from "#src/bench/cases.js";
import { imageOf } from "#src/models/decoder.js";
import { publishedModels } from "#src/synthetic/models.js";
import { freshFolder } from "../support/files.js";

const webgpu = (await listBackends()).find(({ name }) => name === "webgpu")!;

test("every case is of a published encoder, or a decoder whose layers are read as the paper's images", () => {
  for (const one of [...GPU_CASES, ...SMALL_GPU_CASES])
    if (one.kind === "decoder") assert.deepEqual([...imageOf(one.features)], [one.height, one.width]);
    else assert.ok(one.folder || publishedModels[one.model!], one.name);
});

test(
  "small sizes run on any adapter, with a line for each case",
  { skip: !webgpu.present && webgpu.detail },
  async () => {
    const folder = freshFolder();
    const env = { ...process.env, PYTHON: "/nowhere/python" };
    const { stderr } = await promisify(execFile)(process.execPath, ["dist/bench/gpu.js", "--small", folder], {
      env,
    });
    assert.equal(stderr, "");
    assert.deepEqual(readdirSync(folder), ["gpu.md"]);
    const lines = readFileSync(join(folder, "gpu.md"), "utf8").trim().split("\n");
    for (const { name } of SMALL_GPU_CASES) {
      const [, title, ours, ...peers] = lines
        .find((line) => line.includes(name))!
        .split(" | ")
        .flatMap((cell) => cell.split("| "));
      assert.equal(title, name);
      assert.ok(Number(ours) > 0, ours);
      assert.deepEqual(
        peers.map((peer) => peer.replace(" |", "")),
        ["–", "–"],
      );
    }
  },
);
