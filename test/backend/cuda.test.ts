import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { adviseCard, findCards, readCards } from "#src/backend/cuda.js";
import { freshFolder } from "../support/files.js";

/** As drivers 550 and 440 print them, the latter without compute capabilities. */
const H100 = "NVIDIA H100 80GB HBM3, 550.54.15, 9.0";
const A100 = "NVIDIA A100-SXM4-40GB, 535.104.05, 8.0";
const OLD = "GeForce GTX 1080, 440.82, [N/A]";

test("cards are read from lines of nvidia-smi, and anything else is left out", () => {
  assert.deepEqual(readCards(`${H100}\n${A100}\n\nNo devices were found\n`), [
    { name: "NVIDIA H100 80GB HBM3", driver: "550.54.15", computeCapability: 9 },
    { name: "NVIDIA A100-SXM4-40GB", driver: "535.104.05", computeCapability: 8 },
  ]);
});

test("each card is told what it needs", () => {
  const advice = (line: string, loaded?: string) => adviseCard(readCards(line)[0]!, loaded);
  assert.match(
    advice(H100),
    /capability 9\.0: newer than .* 2\.9, CUDA 11\.2, cuDNN 8\.1\).*=webgpu, or run WHEEL=/,
  );
  assert.match(advice(H100, "2.9.1"), /: newer than /);
  assert.match(advice(H100, "2.21.0"), /: libtensorflow 2\.21\.0 decides$/);
  assert.match(
    advice(A100),
    /: for CUDA run npm install @tensorflow\/tfjs-node-gpu, with CUDA 11\.2 and cuDNN 8\.1/,
  );
  assert.match(advice(A100, "2.9.1"), /takes it where libcudart\.so\.11\.0 and libcudnn\.so\.8 are found$/);
  assert.match(advice(OLD), /capability unknown: .* needs a driver from 450 on/);
  assert.match(advice("Tesla C2075, 390.157, 2.0"), /: older than /);
});

test("`backends` asks the nvidia-smi that is there; without one no card is listed", async () => {
  assert.deepEqual(await findCards(join(freshFolder(), "nvidia-smi")), []);
  const folder = freshFolder();
  writeFileSync(join(folder, "nvidia-smi"), `#!/bin/sh\necho "${H100}"\n`);
  chmodSync(join(folder, "nvidia-smi"), 0o755);
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { stdout } = await promisify(execFile)(process.execPath, ["dist/cli.js", "backends"], { env });
  assert.match(stdout, /^card {5}NVIDIA H100 80GB HBM3, driver 550\.54\.15, compute capability 9\.0: /m);
});
