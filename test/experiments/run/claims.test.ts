import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Run } from "#src/experiments/run/run.js";
import { freshFolder, refusal } from "../../support/files.js";

let home: string;
let log: string;

beforeEach(() => {
  home = freshFolder();
  log = join(home, "log");
  Object.assign(process.env, { DAAM_HOME: home, FAKE_LOG: log, FAKE_MS: "100" });
});

afterEach(() => {
  for (const name of ["DAAM_HOME", "FAKE_LOG", "FAKE_MS"]) delete process.env[name];
});

const trained = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
const claimed = () =>
  existsSync(join(home, "runs/smoke/claims")) ? readdirSync(join(home, "runs/smoke/claims")) : [];
const worker = () =>
  spawn(process.execPath, [fileURLToPath(new URL("./fake-work.js", import.meta.url)), "smoke", "text"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
const exit = async (child: ReturnType<typeof worker>) => (await once(child, "exit"))[0] as number | null;

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(20);
  assert.ok(condition(), "waited for a minute in vain");
}

test("workers that share a run folder train every cell once, also where one is killed", async () => {
  const [one, other] = [worker(), worker()];
  const other1 = exit(other);
  await until(() => trained().length >= 3 && claimed().length >= 1);
  one.kill("SIGKILL");
  await exit(one);
  assert.equal(await other1, 0);
  // the chosen layers wait for DAAMv1
  const run = await Run.open("smoke");
  const names = run.plan({ tasks: ["text"] }).map(({ name }) => name);
  const waiting = names.filter((name) => /highest|lowest/.test(name));
  assert.equal(new Set(trained()).size, trained().length);
  assert.deepEqual(trained().sort(), names.filter((name) => !waiting.includes(name)).sort());
  // whose worker finished its cell after it, leaves that cell's claim
  const finished = names.map((name) => name.replaceAll("/", "+"));
  assert.ok(claimed().length <= 2 && claimed().every((name) => finished.includes(name)));
});

test("a cell that another node claims is waited for, and trained when that node is silent", async () => {
  const name = "text/mha/run-1";
  const claim = join(home, "runs/smoke/claims/text+mha+run-1");
  mkdirSync(join(home, "runs/smoke/claims"), { recursive: true });
  writeFileSync(claim, "another-node 17 1");
  const silence = { elsewhere: 600_000, here: 600_000 };
  const run = await Run.open("smoke", {
    trainer: new URL("../fake-trainer.js", import.meta.url).href,
    jobs: 1,
    silence,
  });
  const notes: string[] = [];
  const work = run.work({ tasks: ["text"] }, new Set([name, "text/gqa/run-1"]), ({ event }) => {
    if (event.kind === "note") notes.push(event.line);
  });
  await until(() => notes.length > 0);
  assert.deepEqual(
    [trained(), notes],
    [["text/gqa/run-1"], ["waiting for 1 cells that other processes train"]],
  );
  silence.elsewhere = 100;
  assert.deepEqual((await work).map((result) => result.name).sort(), ["text/gqa/run-1", name]);
});

test("cells whose configuration follows from others' results are refused before those are there", async () => {
  const run = await Run.open("smoke", {
    trainer: new URL("../fake-trainer.js", import.meta.url).href,
    jobs: 1,
  });
  const names = new Set(["text/daam-v2-highest/run-1"]);
  await assert.rejects(
    run.work({ tasks: ["text"] }, names),
    refusal(/^text\/daam-v2-highest\/run-1 waits for text\/daam-v1\/run-1: train those first/),
  );
});
