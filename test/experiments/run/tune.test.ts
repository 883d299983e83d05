import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { writeWhole } from "#src/files.js";
import { tune, tuneLock } from "#src/experiments/run/tune.js";
import { CellStore } from "#src/experiments/outcome/store.js";
import { runFolder } from "#src/folders.js";

describe("a comparison of rates", () => {
  const home = mkdtempSync(join(tmpdir(), "daam-tune-"));
  const outside = process.env.DAAM_HOME;
  before(() => {
    process.env.DAAM_HOME = home;
  });
  after(() => {
    if (outside === undefined) delete process.env.DAAM_HOME;
    else process.env.DAAM_HOME = outside;
    rmSync(home, { recursive: true });
  });

  it("waits for whoever works in the run folder, whose sweep leaves its files alone", async () => {
    const lock = await tuneLock("quick", {});
    const lines: string[] = [];
    const options = { trainer: new URL("../fake-trainer.js", import.meta.url).href, jobs: 1 };
    const compared = tune("quick", {
      ...options,
      task: "text",
      methods: ["mha"],
      rates: ["2e-3"],
      say: (line) => lines.push(line),
    });
    while (lines.length === 0) await sleep(20);
    assert.match(lines[0]!, /another run \(process \d+\) is at work on quick: waiting/);
    const part = join(runFolder("quick"), "tune", "cells", "living.part");
    writeWhole(part, "");
    new CellStore(runFolder("quick")).sweep();
    assert.ok(existsSync(part));
    lock.release();
    assert.equal((await compared).length, 1);
    assert.ok(!existsSync(part));
  });
});
