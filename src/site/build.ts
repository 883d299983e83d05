#!/usr/bin/env node
/**
 * Builds the site: node dist/site/build.js [folder]. Scripts are of the kind that a page opened from a folder may load: none is a
 * module, none fetches, and all data is a script that names itself.
 */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type InlineConfig } from "vite";
import { findTask } from "../experiments/plan/tasks.js";
import { repository } from "../folders.js";
import { siteBinaries, siteFeatures, siteItems } from "./data.js";
import { publishedPresets, siteIndex, taskResults, trains } from "./published.js";

const pages = join(repository, "src", "site", "page");

/** Everything the pages need, in a folder that takes the place of `target` when it is whole. */
export async function buildSite(target: string, say: (line: string) => void = () => {}): Promise<void> {
  const part = `${target}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(join(part, "data"), { recursive: true });
  try {
    await bundle("main.ts", "app", part);
    await bundle("worker.ts", "trainer", part);
    for (const name of ["index.html", "style.css"]) copyFileSync(join(pages, name), join(part, name));
    const plotly = createRequire(import.meta.url).resolve("plotly.js-dist-min/plotly.min.js");
    copyFileSync(plotly, join(part, "plotly.js"));
    // A worker cannot be loaded from a folder, but made from text.
    const trainer = join(part, "trainer.js");
    put(part, "trainer", readFileSync(trainer, "utf8"));
    rmSync(trainer);
    await putData(part, say);
    rmSync(target, { recursive: true, force: true });
    renameSync(part, target);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

async function putData(folder: string, say: (line: string) => void): Promise<void> {
  const manifest = readFileSync(join(repository, "package.json"), "utf8");
  put(folder, "index", siteIndex((JSON.parse(manifest) as { version: string }).version));
  put(folder, "wasm", siteBinaries());
  const presets = publishedPresets();
  for (const preset of presets)
    for (const task of Object.keys(preset.tasks))
      put(folder, `${preset.name}-${task}`, taskResults(preset, task));
  const shipped = presets.find(trains);
  for (const task of Object.keys(shipped?.tasks ?? {})) {
    put(folder, `features-${findTask(task).name}`, siteFeatures(task));
    put(folder, `items-${task}`, await siteItems(shipped!, task, say));
  }
}

/** A script that hands a value to the page under a name. */
function put(folder: string, name: string, value: unknown): void {
  writeFileSync(
    join(folder, "data", `${name}.js`),
    `daam.put(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
}

async function bundle(entry: string, name: string, folder: string): Promise<void> {
  const config: InlineConfig = {
    configFile: false,
    root: pages,
    logLevel: "warn",
    define: { "process.env.NODE_ENV": '"production"' },
    resolve: { alias: { "node:util": join(pages, "node-util.ts") } },
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: "es2022",
      chunkSizeWarningLimit: 4_000,
      lib: { entry: join(pages, entry), formats: ["iife"], name, fileName: () => `${name}.js` },
    },
  };
  await build(config);
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1]!)).href) {
  const target = resolve(process.argv[2] ?? join(repository, "site"));
  await buildSite(target, (line) => console.error(line));
  console.log(`site: ${relative(process.cwd(), join(target, "index.html"))}`);
}
