import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { CASES, GROWTH, LIMITS, SMALL_CASES, SMALL_GROWTH } from "#src/bench/cases.js";
import type { Comparison } from "#src/bench/compare.js";
import { along, growthFigure, straight } from "#src/bench/growth.js";
import { caseLine, limitLine, limitOf, markdown, share } from "#src/bench/table.js";
import { imageOf } from "#src/models/decoder.js";
import { freshFolder } from "../support/files.js";

const [products, memory] = LIMITS;
const comparison = (change: Partial<Comparison> = {}): Comparison => ({
  ...{ ours: [4, 2, 3], peers: [2, 2, 1], ratios: [2, 1, 3], amount: 6e6 },
  ...change,
});

test("a limit is a rate of multiply-adds, two operations each, or of bytes; a side that was not measured has none", () => {
  const measured = { ours: [2, 1, 9], peers: [4], ratios: [0.5], amount: 8e9, peersAmount: 4e9 };
  assert.deepEqual(limitLine(limitOf(products!, measured), 2).slice(1), ["1", "2000.0", "500.0"]);
  assert.deepEqual(limitLine(limitOf(memory!, measured), 2).slice(1), ["1", "4000.0", "1000.0"]);
  const alone = limitOf({ ...products!, threads: "all" }, { ...measured, peers: [], peersAmount: undefined });
  assert.deepEqual(limitLine(alone, 4).slice(1), ["4", "2000.0", "–"]);
});

test("a case's line has its ratio, its target on that backend and its share of wasm's limit", () => {
  const [wanted] = CASES;
  // 3e6 multiply-adds in 3 ms are a billion a second
  assert.equal(share(comparison(), 4), "25 %");
  assert.deepEqual(caseLine(wanted!, "wasm", 2, comparison(), 4), [
    ...[wanted!.name, "wasm", "1", "3.00", "2.00", "1.00 – 2.00 – 3.00", "1.2", "25 %"],
  ]);
  assert.deepEqual(caseLine(wanted!, "tensorflow", 2, comparison(), 4).slice(-2), ["–", "–"]);
  assert.equal(share(comparison(), undefined), "–");
  assert.deepEqual(markdown(["a", "b"], [["1", "2"]]), ["| a | b |", "| --- | --- |", "| 1 | 2 |"]);
});

test("every decoder's layers are read as our image; names tell cases apart, as sides remember them", () => {
  const all = [...CASES, ...LIMITS, ...GROWTH];
  for (const one of [...all, ...SMALL_CASES])
    if (one.kind === "decoder") assert.deepEqual([...imageOf(one.features)], [one.height, one.width]);
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
});

test("points that lie on a line have it; each panel takes those that differ in its own number", () => {
  const points = [
    ...[8, 16, 32].map((batch) => ({ batch, layers: 12, ms: 1 + batch / 4 })),
    ...[6, 12, 24].map((layers) => ({ batch: 32, layers, ms: 3 + layers / 2 })),
  ];
  assert.deepEqual(along(points, "batch"), [
    [8, 3],
    [16, 5],
    [32, 9],
  ]);
  const line = straight(along(points, "layers"));
  assert.ok(Math.abs(line.slope - 0.5) < 1e-9 && Math.abs(line.start - 3) < 1e-9 && line.r2 > 1 - 1e-9);
  const { data, layout } = growthFigure(points);
  assert.equal(data.length, 4);
  assert.match(JSON.stringify(layout), /1\.00 ms \+ 0\.250 ms each, R² 1\.0000/);
});

test("small sizes run with a line for each case, without PyTorch", async () => {
  const folder = freshFolder();
  const env = { ...process.env, PYTHON: "/nowhere/python" };
  const { stderr } = await promisify(execFile)(process.execPath, ["dist/bench/main.js", "--small", folder], {
    env,
  });
  assert.equal(stderr, "");
  const page = readFileSync(join(folder, "cpu.md"), "utf8");
  const cells = (name: string) =>
    page
      .split("\n")
      .find((line) => line.startsWith(`| ${name}`))!
      .split(" | ");
  for (const { name } of SMALL_CASES) {
    const [, backend, threads, ours, peers] = cells(name);
    assert.deepEqual([backend, peers], ["wasm", "–"]);
    assert.ok(Number(threads) > 0 && Number(ours) > 0, name);
  }
  assert.ok(Number(cells("billion multiply-adds")[2]) > 0);
  for (const { batch, layers } of SMALL_GROWTH)
    assert.match(page, new RegExp(`\\| ${batch} \\| ${layers} \\| [\\d.]+ \\|`));
});
