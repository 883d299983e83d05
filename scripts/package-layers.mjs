#!/usr/bin/env node
/**
 * Packs the attention layers alone, as `density-adaptive-attention-layers-<version>.tgz`:
 * node scripts/package-layers.mjs [folder]. Needs a build; the package's only peer is tfjs.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const target = resolve(process.argv[2] ?? join(root, "dist-package"));
if (!existsSync(join(root, "dist/attention/layers/index.js"))) {
  console.error("dist/ is not built: run make build");
  process.exit(1);
}

const { version, license, engines, dependencies } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);
const layers = "./dist/attention/layers";
const staging = mkdtempSync(join(tmpdir(), "layers-"));
try {
  for (const part of [
    "attention",
    ...["parameters", "errors", "kernel"].flatMap((name) => [`${name}.js`, `${name}.d.ts`]),
  ]) {
    const skipMaps = (path) => !path.endsWith(".map");
    cpSync(join(root, "dist", part), join(staging, "dist", part), { recursive: true, filter: skipMaps });
  }
  cpSync(join(root, "LICENSE"), join(staging, "LICENSE"));
  cpSync(join(root, "src/attention/layers/README.md"), join(staging, "README.md"));
  const manifest = {
    name: "density-adaptive-attention-layers",
    version,
    description: "Density adaptive attention (arXiv 2401.11143) and its peers as layers of TensorFlow.js",
    license,
    type: "module",
    engines,
    // A bundler may leave out each file that nothing is taken from.
    sideEffects: false,
    exports: {
      ".": { types: `${layers}/index.d.ts`, default: `${layers}/index.js` },
      // Under this condition alone, so that a bundle for browsers names what it cannot have.
      "./node": { types: `${layers}/file-handler.d.ts`, node: `${layers}/file-handler.js` },
    },
    files: ["dist"],
    peerDependencies: { "@tensorflow/tfjs": `^${dependencies["@tensorflow/tfjs"]}` },
  };
  writeFileSync(join(staging, "package.json"), JSON.stringify(manifest, undefined, 2));
  mkdirSync(target, { recursive: true });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", target], {
    cwd: staging,
    stdio: ["ignore", "inherit", "inherit"],
  });
} finally {
  rmSync(staging, { recursive: true });
}
