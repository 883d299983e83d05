#!/usr/bin/env node
/** Removes compiled files from dist/ whose source is gone: tsc leaves them there, and they could still be imported. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const [dist, src] = ["dist", "src"].map((name) => resolve(import.meta.dirname, "..", name));
const compiled = /(?:\.d)?\.(c?)[jt]s(?:\.map)?$/;

const files = existsSync(dist) ? readdirSync(dist, { recursive: true, encoding: "utf8" }) : [];
for (const file of files.filter((name) => compiled.test(name)))
  if (!existsSync(join(src, file.replace(compiled, ".$1ts")))) rmSync(join(dist, file));
