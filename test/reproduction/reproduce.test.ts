import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Stopped, UserError } from "#src/errors.js";
import { openRun } from "#src/experiments/run/open-run.js";
import { reproduce } from "#src/reproduction/reproduce.js";
import { findPreset, presets } from "#src/experiments/plan/presets.js";
import type { Progress } from "#src/experiments/run/progress.js";
import { Run } from "#src/experiments/run/run.js";
import type { Preset } from "#src/experiments/types.js";
import { refusal } from "../support/files.js";

const trainer = new URL("../experiments/fake-trainer.js", import.meta.url).href;
const text = { tasks: ["text"] };
let home: string;
let log: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "daam-"));
  log = join(home, "log");
  Object.assign(process.env, { DAAM_HOME: home, FAKE_LOG: log });
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
  for (const name of ["DAAM_HOME", "FAKE_LOG", "FAKE_MS", "FAKE_DEATH", "FAKE_MEMORY", "FAKE_MISSING"])
    delete process.env[name];
});

const trained = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
const quiet = { trainer, jobs: 2, say: () => {}, onProgress: () => {} };

function child(...args: string[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL("./fake-run.js", import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(20);
  assert.ok(condition(), "waited for a minute in vain");
}

const filesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);

function filesUnder(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
}

/** Processes that work in this test's folder, by their command lines (on Linux). */
function workersAlive(): number {
  return filesIn("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${home}/runs`);
    } catch {
      return false;
    }
  }).length;
}

describe("a run", () => {
  it("trains every cell once, the chosen layers after DAAMv1, and reports progress", async () => {
    const progress: Progress[] = [];
    const run = await Run.open("smoke", { trainer, jobs: 2 });
    const results = await run.finish(text, (next) => progress.push(next));
    const names = trained();
    assert.equal(results.length, 25);
    assert.deepEqual([...new Set(names)].sort(), results.map(({ name }) => name).sort());
    assert.ok(names.indexOf("text/daam-v2-highest/run-1") > names.indexOf("text/daam-v1/run-1"));
    const highest = results.find(({ name }) => name === "text/daam-v2-highest/run-1")!;
    assert.deepEqual(highest.config.stages[0], { kind: "layers", indices: [9, 10, 11] });
    const lowest = results.find(({ name }) => name === "text/no-attention-lowest/run-1")!;
    assert.deepEqual(lowest.config.stages, [{ kind: "layers", indices: [0, 1, 2] }]);
    assert.deepEqual(
      [progress.at(-1)!.done, progress.at(-1)!.total, progress.at(-1)!.secondsLeft],
      [25, 25, 0],
    );
    assert.ok(progress.some(({ event }) => event.kind === "backend" && event.line.includes("fake")));
    assert.equal(filesUnder(home).filter((name) => name.endsWith(".part")).length, 0);
  });

  it("reuses finished cells, and trains those again whose configuration changed", async () => {
    const run = await Run.open("smoke", { trainer, jobs: 1 });
    await run.finish({ ...text, methods: ["mha", "daam-v1"] });
    const path = run.store.path("text/mha/run-1");
    const changed = JSON.parse(readFileSync(path, "utf8"));
    changed.config.epochs = 99;
    writeFileSync(path, JSON.stringify(changed));
    await (await openRun("smoke", { trainer, jobs: 1 })).task("text").finish();
    const times = (name: string) => trained().filter((line) => line === name).length;
    assert.equal(times("text/daam-v1/run-1"), 1);
    assert.equal(times("text/mha/run-1"), 2);
  });

  for (const [accident, jobs, why] of [
    [
      "FAKE_DEATH",
      1,
      /the worker training text\/daam-v1\/run-1 ended \(SIGKILL\), perhaps for want of memory/,
    ],
    ["FAKE_MEMORY", 2, /Array buffer allocation failed/],
    ["FAKE_HEAP", 2, /ended \(SIGABRT\) saying "FATAL ERROR: [^"]*JavaScript heap out of memory"/],
  ] as const)
    it(`names the cell of ${accident}, trains the others, and goes on`, async () => {
      process.env[accident] = "text/daam-v1/run-1";
      process.env.NODE_OPTIONS = "--max-old-space-size=100";
      const run = () => reproduce("smoke", { ...quiet, jobs, scope: text });
      await assert.rejects(run, (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /^1 cell was given up, the others are finished: text\/daam-v1\/run-1 \(/);
        assert.match(error.message, /; run again [^\n]* fewer --jobs/);
        assert.match(error.message, why);
        return true;
      });
      // all but that cell and those whose layers follow from it
      const before = trained();
      assert.equal(before.length, 20);
      assert.equal(workersAlive(), 0);
      delete process.env[accident];
      delete process.env.NODE_OPTIONS;
      await run();
      assert.equal(trained().length, 25);
      assert.equal(new Set(trained()).size, 25);
    });

  it("ends its workers when it is stopped", async () => {
    process.env.FAKE_MS = "200";
    const stop = new AbortController();
    const run = reproduce("smoke", { ...quiet, scope: text, signal: stop.signal });
    setTimeout(() => stop.abort(), 1000);
    await assert.rejects(run, Stopped);
    assert.equal(workersAlive(), 0);
    assert.ok(!existsSync(join(home, "runs/smoke/lock")));
  });

  it("that came to its end says so and trains nothing; --anew trains all of its scope again", async () => {
    const scope = { ...text, methods: ["mha"] };
    const lines: string[] = [];
    const again = (anew?: boolean) =>
      reproduce("smoke", { ...quiet, scope, anew, say: (line) => lines.push(line) });
    await reproduce("smoke", { ...quiet, scope: text });
    await again();
    assert.match(lines[0]!, /^smoke: 1 of 1 cells are finished; nothing to train \(--anew, .* again\)/);
    assert.equal(trained().length, 25);
    await again(true);
    assert.match(lines.join("\n"), /--anew: 1 finished cells are discarded/);
    assert.deepEqual(trained().slice(25), ["text/mha/run-1"]);
  });

  it("discards nothing where the backend is missing", async () => {
    const scope = { ...text, methods: ["mha"] };
    await reproduce("smoke", { ...quiet, scope });
    process.env.FAKE_MISSING = "1";
    await assert.rejects(
      reproduce("smoke", { ...quiet, scope, anew: true }),
      refusal(/^backend "fake" is not available/),
    );
    assert.ok(existsSync(join(home, "runs/smoke/cells/text/mha/run-1.json")));
    assert.equal(workersAlive(), 0);
    delete process.env.FAKE_MISSING;
    await reproduce("smoke", { ...quiet, scope, anew: true });
    assert.deepEqual(trained(), ["text/mha/run-1", "text/mha/run-1"]);
  });

  it("names a damaged cell and trains it again; a damaged published one is refused with the remedy", async (t) => {
    const scope = { ...text, methods: ["mha", "gqa"] };
    await reproduce("smoke", { ...quiet, scope });
    const { store, published } = await Run.open("smoke");
    const path = store.path("text/mha/run-1");
    const cell = readFileSync(path);
    published.write(published.folder, [store.read("text/mha/run-1")!]);
    cell[500]! ^= 1;
    writeFileSync(path, cell);
    const said = t.mock.method(console, "error", () => {});
    await reproduce("smoke", { ...quiet, scope });
    assert.equal(said.mock.callCount(), 1);
    assert.equal(
      said.mock.calls[0]!.arguments[0],
      `${path} is damaged (its checksum does not fit): the cell is trained again`,
    );
    assert.deepEqual(trained().slice(2), ["text/mha/run-1"]);
    const row = join(published.folder, "cells/text/mha.jsonl.gz");
    writeFileSync(row, readFileSync(row).subarray(0, 99));
    await assert.rejects(
      reproduce("smoke", { ...quiet, scope }),
      refusal(
        /text\/mha.jsonl.gz cannot be read \(unexpected end of file\): restore it \(git checkout -- .*mha.jsonl.gz\), or delete it/,
      ),
    );
  });

  it("whose scope no notebook shows executes none, and says so", async () => {
    const lines: string[] = [];
    const scope = { methods: ["mha"] };
    await reproduce("smoke", { ...quiet, scope, notebooks: true, say: (line) => lines.push(line) });
    assert.ok(lines.some((line) => line.startsWith("notebooks: none executed")));
  });

  it("takes over published cells of the same configuration, but not in smoke and quick", async () => {
    const scope = { tasks: ["speech"], methods: ["mha"] };
    // As `smoke`, but one of the presets that are resumed; `small` itself would ask for raw data.
    const resumed = { ...findPreset("smoke"), name: "resumed", alwaysAnew: undefined };
    (presets as Preset[]).push(resumed);
    for (const [preset, taken] of [
      ["resumed", 1],
      ["smoke", 0],
    ] as const) {
      const { store, published } = await Run.open(preset);
      const results = await (await Run.open(preset, { trainer, jobs: 2 })).finish(scope);
      published.write(published.folder, results);
      for (const { name } of results) store.remove(name);
      const before = trained().length;
      const lines: string[] = [];
      await reproduce(preset, { ...quiet, say: (line) => lines.push(line), scope, resume: true });
      assert.equal(trained().length - before, results.length - taken);
      assert.ok(lines.some((line) => line.includes(taken ? `took over ${taken}` : "never takes over")));
      assert.ok(lines.some((line) => line.startsWith(`${results.length} of ${results.length} cells agree`)));
    }
  });
});

describe("runs that are killed or meet", () => {
  it(
    "goes on after kill -9, without training a finished cell again",
    { skip: !existsSync("/proc") },
    async () => {
      process.env.FAKE_MS = "200";
      const killed = child("smoke", "text");
      await until(() => trained().length >= 4);
      killed.kill("SIGKILL");
      await once(killed, "exit");
      await until(() => workersAlive() === 0);
      const finished = filesUnder(join(home, "runs/smoke/cells")).filter((name) =>
        name.endsWith(".json"),
      ).length;
      assert.ok(finished >= 3 && finished < 25);
      process.env.FAKE_MS = "0";
      const before = trained().length;
      await reproduce("smoke", { ...quiet, scope: text });
      assert.equal(trained().length - before, 25 - finished);
    },
  );

  it("two at once train every cell once", async () => {
    process.env.FAKE_MS = "100";
    const both = [child("smoke", "text"), child("smoke", "text")];
    const codes = await Promise.all(both.map(async (one) => (await once(one, "exit"))[0]));
    assert.deepEqual(codes, [0, 0]);
    assert.equal(trained().length, 25);
    assert.equal(new Set(trained()).size, 25);
  });

  it("takes over the lock of a process that is gone", async () => {
    mkdirSync(join(home, "runs/smoke"), { recursive: true });
    writeFileSync(join(home, "runs/smoke/lock"), `${hostname()} 4194305 1`);
    await reproduce("smoke", { ...quiet, scope: { ...text, methods: ["mha"] } });
    assert.deepEqual(trained(), ["text/mha/run-1"]);
  });
});

describe("a folder that cannot be written", () => {
  it("is named with a remedy before anything is trained", async () => {
    const file = join(home, "file");
    writeFileSync(file, "");
    process.env.DAAM_HOME = join(file, "below");
    await assert.rejects(reproduce("smoke", { ...quiet, scope: text }), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /cannot write .*lock: a part of the path is a file; .*DAAM_HOME/);
      return true;
    });
    assert.deepEqual(trained(), []);
  });

  it("stops the run at the first cell", async () => {
    mkdirSync(join(home, "runs/smoke/cells"), { recursive: true });
    writeFileSync(join(home, "runs/smoke/cells/text"), "a file where a folder must be");
    await assert.rejects(
      reproduce("smoke", { ...quiet, scope: text }),
      /cannot write .*text.*: a part of the path is a file/,
    );
    assert.equal(filesUnder(home).filter((name) => name.endsWith(".part")).length, 0);
  });
});
