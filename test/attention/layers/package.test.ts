import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, describe, it } from "node:test";
import { build as esbuild } from "esbuild";
import { build as vite, createLogger } from "vite";
import { noBrowser, openBrowser, serve } from "../../support/browser.js";
import { freshFolder } from "../../support/files.js";

const program = `
import * as tf from "@tensorflow/tfjs";
import { DensityAdaptiveAttention, importanceFactor, registerLayers } from "density-adaptive-attention-layers";
import { fileHandler } from "density-adaptive-attention-layers/node";
const layer: DensityAdaptiveAttention = new DensityAdaptiveAttention({ heads: 2, inputShape: [6, 16] });
const model = tf.sequential({ layers: [layer, tf.layers.flatten(), tf.layers.dense({ units: 1 })] });
model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
const { history } = await model.fit(tf.ones([4, 6, 16]), tf.ones([4, 1]), { batchSize: 2, epochs: 1, verbose: 0 });
await model.save(fileHandler("model"));
registerLayers();
await tf.loadLayersModel(fileHandler("model"));
if (importanceFactor(layer.map(tf.ones([4, 6, 16]))).length !== 6 * 16) throw new Error("no importance factor");
console.log(Number.isFinite(history.loss![0]) ? "trained two steps" : "failed");
`;

/** Trains, saves to IndexedDB, and says how far the outputs of what it loads are from the model's. */
const page = `
import * as tf from "@tensorflow/tfjs";
import { DensityAdaptiveAttention } from "density-adaptive-attention-layers";
async function run() {
  await tf.setBackend("cpu");
  const x = tf.randomNormal([8, 6, 16], 0, 1, "float32", 5);
  const attention = new DensityAdaptiveAttention({ heads: 2, inputShape: [6, 16], seed: 3 });
  const model = tf.sequential({ layers: [attention, tf.layers.flatten(), tf.layers.dense({ units: 1 })] });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  const [offset] = attention.getWeights();
  const first = (await offset.data()).slice();
  const { history } = await model.fit(x, tf.ones([8, 1]), { batchSize: 4, epochs: 8, verbose: 0 });
  await model.save("indexeddb://model");
  const loaded = await tf.loadLayersModel("indexeddb://model");
  const [difference] = await model.predict(x).sub(loaded.predict(x)).abs().max().data();
  const learned = (await attention.getWeights()[0].data()).some((value, i) => value !== first[i]);
  return { difference, learned, losses: history.loss };
}
globalThis.result = run().catch(String);
`;

describe("the packed layers, installed beside an empty project", () => {
  const root = resolve(".");
  const project = freshFolder();
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: "pipe" });
  const layers = "density-adaptive-attention-layers";

  before(() => {
    run(process.execPath, join(root, "scripts/package-layers.mjs"), project);
    const tarball = readdirSync(project).find((name) => name.endsWith(".tgz"))!;
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({ name: "empty", private: true, type: "module" }),
    );
    // The peer and what it needs are linked, not fetched: the test needs no network.
    const quiet = ["--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", "--silent"];
    run("npm", "install", ...quiet, `./${tarball}`);
    const installed = readdirSync(join(root, "node_modules")).filter((name) => !/^(\.|@types)/.test(name));
    for (const name of installed)
      symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
    writeFileSync(join(project, "program.ts"), program);
    const [, shown] = /^```ts\n(import .*?)^```/ms.exec(readFileSync(join(root, "README.md"), "utf8"))!;
    writeFileSync(join(project, "readme.ts"), shown!);
    writeFileSync(join(project, "page.js"), page);
    writeFileSync(
      join(project, "index.html"),
      '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="./page.js"></script>',
    );
  });

  it("has a README for Node and for browsers", () => {
    const readme = readFileSync(join(project, "node_modules", layers, "README.md"), "utf8");
    assert.match(readme, /npm install .*loadLayersModel\(fileHandler.*indexeddb:/s);
  });

  it("compiles with its types checked, trains two steps in Node, and does what README.md shows", () => {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const options = ["--module", "nodenext", "--target", "es2022", "--strict", "--lib", "es2022,dom"];
    const { stdout } = spawnSync(process.execPath, [tsc, ...options, "program.ts", "readme.ts"], {
      cwd: project,
      encoding: "utf8",
    });
    const ours = stdout
      .split("\n")
      .filter((line) => line.includes(layers) || /^(program|readme)\.ts/.test(line));
    assert.deepEqual(ours, []);
    assert.match(run(process.execPath, "--preserve-symlinks", "program.js"), /trained two steps/);
    run(process.execPath, "--preserve-symlinks", "readme.js");
    assert.ok(existsSync(join(project, "my-model")));
  });

  const bundle = async (content: string, external: string[] = []) => {
    const { outputFiles, warnings } = await esbuild({
      stdin: { contents: content, resolveDir: project },
      absWorkingDir: project,
      bundle: true,
      format: "esm",
      write: false,
      external,
      logLevel: "silent",
    });
    assert.deepEqual(warnings, []);
    return outputFiles[0]!.text;
  };

  it("leaves out of a bundle what nothing names", async () => {
    const one = await bundle(`export { LayerWeights } from "${layers}"`, ["@tensorflow/*"]);
    assert.match(one, /"LayerWeights"/);
    assert.doesNotMatch(one, /GroupedQuery|Mixture|scaledVariance/);
    const none = await bundle(`export { importanceFactor } from "${layers}"`, ["@tensorflow/*"]);
    assert.doesNotMatch(none, /tensorflow/);
  });

  it("refuses to bundle files of Node for a browser", () =>
    assert.rejects(
      bundle(`export { fileHandler } from "${layers}/node"`),
      /conditions.*node|Could not resolve/s,
    ));

  const bundlers: Record<string, (folder: string) => Promise<void>> = {
    esbuild: async (folder) => {
      writeFileSync(join(folder, "page.js"), await bundle(page));
      writeFileSync(join(folder, "index.html"), readFileSync(join(project, "index.html")));
    },
    Vite: async (folder) => {
      const said: string[] = [];
      const customLogger = createLogger("warn");
      customLogger.warn = customLogger.warnOnce = customLogger.error = (message) => void said.push(message);
      // The size of tfjs is not ours.
      const build = { outDir: folder, emptyOutDir: true, chunkSizeWarningLimit: 2_000 };
      await vite({ root: project, base: "./", configFile: false, customLogger, build });
      assert.deepEqual(said, []);
    },
  };
  for (const [name, write] of Object.entries(bundlers))
    it(`is bundled by ${name} without a warning, and trains, saves and loads in Chromium`, async (t) => {
      const folder = join(project, `bundle-${name}`);
      mkdirSync(folder);
      await write(folder);
      if (noBrowser) return t.skip(noBrowser);
      const { address, close } = await serve(folder);
      const browser = await openBrowser();
      try {
        const tab = await browser.newPage();
        const errors: string[] = [];
        tab.on("pageerror", (error) => errors.push(error.message));
        await tab.goto(address);
        await tab.waitForFunction("globalThis.result !== undefined");
        const result = await tab.evaluate<{ difference: number; learned: boolean; losses: number[] }>(
          "globalThis.result",
        );
        assert.deepEqual(errors, []);
        assert.equal(result.difference, 0);
        assert.equal(result.learned, true);
        assert.ok(result.losses.at(-1)! < result.losses[0]!);
      } finally {
        await browser.close();
        await close();
      }
    });
});
