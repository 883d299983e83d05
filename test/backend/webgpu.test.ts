import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { softwareDriver } from "#src/backend/webgpu/adapter.js";
import { freshFolder } from "../support/files.js";

test("the software driver is the first that a browser's folder holds", () => {
  const folder = freshFolder();
  const [none, browser] = [join(folder, "none"), join(folder, "browser")];
  mkdirSync(browser);
  assert.equal(softwareDriver([none, browser]), undefined);
  const driver = join(browser, "vk_swiftshader_icd.json");
  writeFileSync(driver, "{}");
  assert.equal(softwareDriver([none, browser]), driver);
});

/** `daam` with other variables. */
const daam = (args: string[], env: NodeJS.ProcessEnv) =>
  promisify(execFile)(process.execPath, ["dist/cli.js", ...args], { env: { ...process.env, ...env } });

test("a driver that does not load is told in one line, without its own", async () => {
  const env = { VK_DRIVER_FILES: "/nowhere.json", DAAM_BACKEND: "auto" };
  const { stdout, stderr } = await daam(["backends"], env);
  assert.match(stdout, /^missing {2}webgpu: (no graphics adapter .* was found|the package .*)$/m);
  assert.match(stdout, /^backend: (wasm|tensorflow), /m);
  assert.equal(stderr, "");
  await assert.rejects(daam(["parity", "test/fixtures/reference"], { ...env, DAAM_BACKEND: "webgpu" }), {
    code: 1,
    stdout: "",
    stderr:
      /^daam: backend "webgpu" is not available: no graphics adapter .*; run npm install .*, or choose one of auto, tensorflow, wasm, cpu\n$/,
  });
});
