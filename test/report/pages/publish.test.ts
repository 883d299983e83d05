import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { UserError } from "#src/errors.js";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import type { Publication } from "#src/report/pages/publication.js";
import { publish } from "#src/report/pages/publish.js";
import { methods, preset, results, speech, text } from "../fixtures.js";
import { freshFolder } from "../../support/files.js";

const publication: Publication = {
  preset,
  methods,
  tasks: [
    { task: speech, ablations: [] },
    {
      task: text,
      ablations: [
        {
          name: "heads",
          title: "Heads",
          entries: [
            { label: "g = 4", method: methods[1]! },
            { label: "g = 6", method: { ...methods[1]!, name: "heads-6", group: "ablation" } },
          ],
        },
      ],
    },
  ],
  results,
  machine: { cpu: "Test CPU", cores: 2, memoryGB: 8, system: "Linux 6", node: "v20.19.0" },
  settings: "One rate a task, chosen on training data.",
  command: (task, method) => `npx daam run --preset quick --task ${task} --method ${method}`,
};

/** One of its files must lie below another. */
const broken = {
  ...publication,
  results: [...results, ...["x", "x.jsonl.gz/y"].map((name) => ({ ...results[0]!, name }))],
};

const quickFolder = () => join(freshFolder(), "quick");

/** One that is published, for what only reads it. */
const published = quickFolder();
before(() => publish(published, publication));

/** A copy of it, to be published to. */
function publishedBefore(): string {
  const folder = quickFolder();
  cpSync(published, folder, { recursive: true });
  return folder;
}

/** Every file below a folder with its bytes. */
function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return new Map(
    files
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name), "base64")]),
  );
}

test("a published folder holds tables, cells, figures and a README; equal input gives equal bytes", async () => {
  const again = quickFolder();
  await publish(again, publication);
  const files = contents(published);
  for (const name of [
    "README.md",
    "speech.csv",
    "text.csv",
    "claims.csv",
    "choice-of-epoch.csv",
    "ablations.csv",
    "cells/speech/daam-v1.jsonl.gz",
    "costs.json",
    "figures/verdict.svg",
    "figures/verdict.png",
    "figures/speech-learning-curves.png",
    "figures/speech-efficiency.png",
    "figures/speech-confusion.svg",
    "figures/text-importance-factor.svg",
    "figures/text-layer-shares.svg",
    "figures/text-ablation-heads.svg",
    "figures/plotly.min.js",
  ])
    assert.ok(files.has(name), name);
  assert.deepEqual(contents(again), files);
  assert.deepEqual(readdirSync(join(published, "..")), ["quick"]);
});

test("the README has the tables, how settings were chosen and the command of every row", () => {
  const readme = readFileSync(join(published, "README.md"), "utf8");
  for (const part of [
    "paper (IEMOCAP, WavLM-Large)",
    "| LoRA (r=4) | 53.0 ± 2.79 | not run yet |",
    "67.9 ± 1.35 (cells: 67.78 ± 1.48)",
    "Levels are not comparable",
    "One rate a task",
    "(costs.md)",
    "`npx daam run --preset quick --task text --method no-attention`",
    "### Heads (1 run, incomplete)",
    "## What choosing the epoch on test data is worth",
    "| mean of the rows | +2.0 | +2.0 |",
    "| contradicted |",
    "## Verdict",
  ])
    assert.ok(readme.includes(part), part);
  assert.ok(!/## .*incomplete/.test(readme.replace(/### .*/g, "")));
  for (const [, path] of readme.matchAll(/\]\((figures\/[^)]+)\)/g))
    assert.ok(existsSync(join(published, path!)), path);
});

test("what cells took stands in a page of its own", () => {
  const page = readFileSync(join(published, "costs.md"), "utf8");
  for (const part of [
    "40 cells, 50 s of training in all workers together, at most 200 MB a worker",
    "- Test CPU, 2 cores, 8 GB, Linux 6, backend wasm, node 20.19.0, tfjs 4.22.0: 40 cells\n",
    "| speech | mha | 5 | 1.3 | 200 |",
  ])
    assert.ok(page.includes(part), part);
  for (const name of ["README.md", "speech.csv", "ablations.csv"])
    assert.doesNotMatch(readFileSync(join(published, name), "utf8"), /Test CPU|1\.25|\bs \/ run/, name);
});

test("a run with equal digits and other costs changes no byte; with other digits its own costs are published", async () => {
  const folder = publishedBefore();
  const files = contents(folder);
  const elsewhere = results.map((result) => ({
    ...result,
    seconds: 99,
    peakMemoryMB: 1,
    versions: { node: "99" },
    machine: { ...publication.machine, cpu: "Other CPU" },
    date: "2030-01-01",
  }));
  await publish(folder, { ...publication, results: elsewhere });
  assert.deepEqual(contents(folder), files);
  const [first, ...rest] = elsewhere;
  const curve = first!.curve.map((record) => ({ ...record, trainLoss: record.trainLoss + 1e-9 }));
  await publish(folder, { ...publication, results: [{ ...first!, curve }, ...rest] });
  const after = contents(folder);
  const changed = [...after.keys()].filter((name) => after.get(name) !== files.get(name));
  const { task, method } = first!.config;
  assert.deepEqual(
    changed.filter((name) => !name.startsWith("figures/")),
    [`cells/${task}/${method}.jsonl.gz`, "costs.json", "costs.md"],
  );
  const found = new PublishedCells(folder);
  assert.deepEqual([found.read(first!.name)!.seconds, found.read(rest[0]!.name)!.seconds], [99, 1.25]);
});

test("tables of unfinished presets are marked incomplete", async () => {
  const folder = quickFolder();
  await publish(folder, {
    ...publication,
    results: results.filter(({ config }) => config.task === "speech"),
  });
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  assert.match(readme, /^## News topic \(incomplete: 0 of 15 cells\)$/m);
  assert.match(readme, /^## Speech emotion$/m);
});

test("publishing replaces what was there, but keeps executed notebooks and notes on what changed", async () => {
  const folder = quickFolder();
  mkdirSync(join(folder, "notebooks"), { recursive: true });
  writeFileSync(join(folder, "notebooks", "a.ipynb"), "{}");
  writeFileSync(join(folder, "changes.md"), "Other intervals than before.\n");
  writeFileSync(join(folder, "stale.csv"), "");
  await publish(folder, publication);
  assert.ok(existsSync(join(folder, "changes.md")));
  assert.match(
    readFileSync(join(folder, "README.md"), "utf8"),
    /^## What changed against the earlier statistics\n\nOther intervals than before\.$/m,
  );
  assert.ok(existsSync(join(folder, "notebooks", "a.ipynb")));
  assert.ok(!existsSync(join(folder, "stale.csv")));
});

test("when publishing fails nothing is left and what was there stays", async () => {
  const folder = quickFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, "README.md"), "before");
  await assert.rejects(publish(folder, broken), UserError);
  assert.equal(readFileSync(join(folder, "README.md"), "utf8"), "before");
  assert.deepEqual(readdirSync(join(folder, "..")), ["quick"]);
});

test("what a publisher killed between its renames left is put back, and what else it left goes", async () => {
  const folder = quickFolder();
  const parent = join(folder, "..");
  const left = (name: string) => join(parent, name);
  for (const name of [".quick.1.old/notebooks", ".quick.1.part", ".quick.2.part", ".small.1.old"])
    mkdirSync(left(name), { recursive: true });
  writeFileSync(left(".quick.1.old/changes.md"), "Others.");
  await assert.rejects(publish(folder, broken), UserError);
  assert.deepEqual(readdirSync(folder).sort(), ["changes.md", "notebooks"]);
  assert.deepEqual(readdirSync(parent).sort(), [".small.1.old", "quick"]);
  await publish(folder, publication);
  assert.equal(readFileSync(join(folder, "changes.md"), "utf8"), "Others.");
  assert.deepEqual(readdirSync(parent).sort(), [".small.1.old", "quick"]);
});
