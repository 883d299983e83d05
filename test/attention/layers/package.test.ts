import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const program = `
import * as tf from "@tensorflow/tfjs";
import { DensityAdaptiveAttention, fileHandler, importanceFactor } from "density-adaptive-attention-layers";
const layer: DensityAdaptiveAttention = new DensityAdaptiveAttention({ heads: 2, inputShape: [6, 16] });
const model = tf.sequential({ layers: [layer, tf.layers.flatten(), tf.layers.dense({ units: 1 })] });
model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
const { history } = await model.fit(tf.ones([4, 6, 16]), tf.ones([4, 1]), { batchSize: 2, epochs: 1, verbose: 0 });
await model.save(fileHandler("model"));
await tf.loadLayersModel(fileHandler("model"));
if (importanceFactor(layer.map(tf.ones([4, 6, 16]))).length !== 6 * 16) throw new Error("no importance factor");
console.log(Number.isFinite(history.loss![0]) ? "trained two steps" : "failed");
`;

test("the packed layers install beside an empty project, compile, and train two steps there", () => {
  const root = resolve(".");
  const project = mkdtempSync(join(tmpdir(), "package-"));
  try {
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: "pipe" });
    run(process.execPath, join(root, "scripts/package-layers.mjs"), project);
    const tarball = readdirSync(project).find((name) => name.endsWith(".tgz"))!;
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({ name: "empty", private: true, type: "module" }),
    );
    // The peer and what it needs are linked, not fetched: the test needs no network.
    run(
      "npm",
      "install",
      "--offline",
      "--legacy-peer-deps",
      "--no-audit",
      "--no-fund",
      "--silent",
      `./${tarball}`,
    );
    const readme = join(project, "node_modules/density-adaptive-attention-layers/README.md");
    assert.match(readFileSync(readme, "utf8"), /npm install .*loadLayersModel\(fileHandler/s);
    const installed = readdirSync(join(root, "node_modules")).filter((name) => !/^(\.|@types)/.test(name));
    for (const name of installed)
      symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
    writeFileSync(join(project, "program.ts"), program);
    const options = ["--module", "nodenext", "--target", "es2022", "--strict", "--skipLibCheck"];
    run(
      process.execPath,
      join(root, "node_modules/typescript/bin/tsc"),
      ...options,
      "--lib",
      "es2022,dom",
      "program.ts",
    );
    assert.match(run(process.execPath, "--preserve-symlinks", "program.js"), /trained two steps/);
  } finally {
    rmSync(project, { recursive: true });
  }
});
