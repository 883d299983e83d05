import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isHeld, Lock } from "#src/lock.js";
import { freshFolder } from "./support/files.js";

afterEach(() => mock.restoreAll());

/** A lock that another process left. */
function foreign(text: string, secondsAgo = 0): string {
  const path = join(freshFolder(), "lock");
  writeFileSync(path, text);
  const time = new Date(Date.now() - 1000 * secondsAgo);
  utimesSync(path, time, time);
  return path;
}

test("a lock is held by one at a time, and nothing of it is left", () => {
  const folder = freshFolder();
  const lock = Lock.attempt(join(folder, "lock"))!;
  assert.equal(Lock.attempt(lock.path), undefined);
  assert.ok(isHeld(lock.path));
  lock.release();
  assert.ok(!isHeld(lock.path));
  Lock.attempt(lock.path)!.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a holder on another host is gone after minutes without a beat, whatever this host's clock says", () => {
  for (const hours of [-5, 0, 5]) {
    const now = Date.now();
    const [living, dead] = [foreign("elsewhere 1 1", 60), foreign("elsewhere 1 1", 400)];
    mock.method(Date, "now", () => now + 3_600_000 * hours);
    assert.equal(Lock.attempt(living), undefined, `clock ${hours} h off`);
    const taken = Lock.attempt(dead);
    assert.ok(taken && readFileSync(dead, "utf8").startsWith(`${hostname()} ${process.pid} `));
    taken.release();
    mock.restoreAll();
  }
});

test("a holder whose clock ran ahead is gone when nothing of its lock changes for minutes", () => {
  const path = foreign("elsewhere 1 1", -86_400);
  const start = performance.now();
  assert.equal(Lock.attempt(path), undefined);
  mock.method(performance, "now", () => start + 60_000);
  assert.equal(Lock.attempt(path), undefined);
  mock.method(performance, "now", () => start + 400_000);
  Lock.attempt(path)!.release();
});

test("a dead process of this host holds nothing, a living one does", () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const path = foreign(`${hostname()} ${pid} 1`);
  assert.ok(!isHeld(path));
  Lock.attempt(path)!.release();
  assert.equal(Lock.attempt(foreign(`${hostname()} ${process.ppid} 1`, 300)), undefined);
});

test("a held lock beats, but never over another's", async () => {
  const path = join(freshFolder(), "lock");
  const lock = Lock.attempt(path)!;
  utimesSync(path, new Date(0), new Date(0));
  for (let i = 0; i < 300 && statSync(path).mtimeMs === 0; i++) await sleep(20);
  assert.ok(Date.now() - statSync(path).mtimeMs < 10_000);
  writeFileSync(path, "elsewhere 1 1");
  utimesSync(path, new Date(0), new Date(0));
  await sleep(2500);
  assert.equal(statSync(path).mtimeMs, 0);
  lock.release();
  assert.ok(existsSync(path));
});
