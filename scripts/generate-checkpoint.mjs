#!/usr/bin/env node
/**
 * Writes a checkpoint of a published shape with random weights: node scripts/generate-checkpoint.mjs wavlm-large <folder>
 * [--layers n] [--seed n]. Needs a build.
 */
import { existsSync } from "node:fs";

const main = new URL("../dist/synthetic/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("dist/ is not built: run make build");
  process.exit(1);
}
await import(main.href);
