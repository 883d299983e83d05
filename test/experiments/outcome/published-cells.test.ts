import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import type { CellConfig, CellResult } from "#src/experiments/types.js";
import { finished } from "../finished.js";
import { freshFolder, refusal } from "../../support/files.js";

const cell = (method: string, run: number, more: Partial<CellResult> = {}): CellResult => ({
  ...finished(`text/${method}/run-${run}`, {
    task: "text",
    method,
    run,
    learningRate: 1e-3,
    epochs: 1,
  } as CellConfig),
  ...more,
});
const rowOf = (folder: string, method: string) => join(folder, "cells", "text", `${method}.jsonl.gz`);
const lines = (path: string) => gunzipSync(readFileSync(path)).toString().trim().split("\n");

describe("published cells", () => {
  it("are a compressed file a row, in the order of their names, and come back with their costs", () => {
    const folder = freshFolder();
    const cells = [10, 9, 1].map((run) => cell("mha", run, { seconds: run, date: `2026-11-${10 + run}` }));
    const store = new PublishedCells(folder);
    store.write(folder, [...cells, cell("gqa", 1)]);
    assert.deepEqual(
      lines(rowOf(folder, "mha")).map((line) => (JSON.parse(line) as CellResult).name),
      [1, 9, 10].map((run) => `text/mha/run-${run}`),
    );
    assert.doesNotMatch(lines(rowOf(folder, "mha"))[0]!, /seconds|backend|peakMemoryMB|date/);
    const { attention, ...rest } = cells[0]!;
    assert.ok(attention);
    assert.deepEqual(store.read("text/mha/run-10"), rest);
    assert.ok(store.get("text/mha/run-10", cells[0]!.config));
    assert.equal(store.get("text/mha/run-10", { ...cells[0]!.config, epochs: 2 }), undefined);
    assert.equal(store.read("text/mha/run-2"), undefined);
    assert.deepEqual([store.holds("text"), store.holds("speech")], [true, false]);
  });

  it("have the maps that are read, of the rows of tables alone", () => {
    const folder = freshFolder();
    const store = new PublishedCells(folder);
    const heldOut = { ...cell("daam-v1", 1), name: "text/daam-v1/rate-1e-3/held-out-1" };
    const atRate = { ...cell("daam-v1", 1), name: "text/daam-v1/rate-1e-3/run-1" };
    store.write(folder, [cell("daam-v1", 2), atRate, heldOut, cell("frozen", 1), cell("daam-v2", 1)]);
    const maps = (name: string) => Object.keys(store.read(name)!.attention ?? {}).sort();
    assert.deepEqual(maps("text/daam-v1/run-2"), ["features", "layers", "test", "train"]);
    assert.deepEqual(maps(atRate.name), ["features", "layers", "test", "train"]);
    assert.deepEqual(maps("text/frozen/run-1"), ["features", "layers", "test"]);
    assert.deepEqual([heldOut.name, "text/daam-v2/run-1"].flatMap(maps), []);
  });

  it("keep bytes that another zlib made, and the order of entries, where digits are equal", () => {
    const [folder, next] = [freshFolder(), freshFolder()];
    new PublishedCells(folder).write(folder, [cell("mha", 1)]);
    const path = rowOf(folder, "mha");
    const { name, ...rest } = JSON.parse(lines(path)[0]!) as CellResult;
    const bytes = gzipSync(`${JSON.stringify({ ...rest, name })}\n`, { level: 1 });
    writeFileSync(path, bytes);
    const store = new PublishedCells(folder);
    store.write(folder, [cell("mha", 1, { seconds: 77 })]);
    store.write(next, [cell("mha", 1, { seconds: 77 })]);
    assert.deepEqual(readFileSync(path), bytes);
    assert.deepEqual(readFileSync(rowOf(next, "mha")), bytes);
    store.write(folder, [cell("mha", 1), cell("mha", 2)]);
    const [first, second] = lines(path);
    assert.equal(first, JSON.stringify({ ...rest, name }));
    assert.match(second!, /^\{"name":"text\/mha\/run-2"/);
  });

  it("keep their costs as long as their digits stay", () => {
    const folder = freshFolder();
    const store = new PublishedCells(folder);
    store.write(folder, [cell("daam-v1", 1, { seconds: 10 })]);
    const again = cell("daam-v1", 1, { seconds: 20, backend: "other", date: "2030-01-01" });
    const { seconds, backend, date, attention } = store.settled(again);
    assert.deepEqual([seconds, backend, date], [10, "wasm", undefined]);
    assert.deepEqual(attention, again.attention);
    const best = { ...again.best, testLoss: again.best.testLoss + 1e-12 };
    assert.equal(store.settled({ ...again, best }).seconds, 20);
    rmSync(join(folder, "costs.json"));
    assert.equal(store.settled(again).seconds, 20);
    assert.equal(store.read(again.name)!.backend, "unknown");
  });

  it("that are damaged are named with a remedy", () => {
    const folder = freshFolder();
    const store = new PublishedCells(folder);
    store.write(folder, [cell("mha", 1)]);
    const path = rowOf(folder, "mha");
    const bytes = readFileSync(path);
    for (const damaged of [
      bytes.subarray(0, bytes.length >> 1),
      gzipSync("{"),
      Buffer.from("version https://git-lfs"),
    ]) {
      writeFileSync(path, damaged);
      assert.throws(
        () => store.read("text/mha/run-1"),
        refusal(/mha\.jsonl\.gz cannot be read .*: restore it/),
      );
    }
    writeFileSync(path, bytes);
    assert.ok(store.read("text/mha/run-1"));
    writeFileSync(join(folder, "costs.json"), "{");
    assert.throws(() => store.read("text/mha/run-1"), refusal(/costs\.json cannot be read .*: restore it/));
    assert.ok(!existsSync(join(folder, "cells", "text", "none.jsonl.gz")));
  });
});
