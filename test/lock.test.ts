import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, it } from "node:test";
import { Lock } from "#src/lock.js";
import { freshFolder } from "./support/files.js";

const { now } = Date;
afterEach(() => (Date.now = now));

const HOUR = 3_600_000;
const short = { elsewhere: 400, here: 600_000 };
const lockPath = () => join(freshFolder(), "lock");

/** A holder elsewhere: touches its lock by its own clock until it is ended. */
function holder(path: string, clock: () => number) {
  writeFileSync(path, "elsewhere 1 1");
  const touch = () => utimesSync(path, new Date(clock()), new Date(clock()));
  touch();
  const timer = setInterval(touch, 100);
  return { end: () => clearInterval(timer) };
}

describe("a lock", () => {
  it("of a dead process here is taken at once, whatever its time", async () => {
    for (const time of [0, now(), now() + 24 * HOUR]) {
      const path = lockPath();
      writeFileSync(path, `${hostname()} 4194305 1`);
      utimesSync(path, new Date(time), new Date(time));
      const start = performance.now();
      (await Lock.acquire(path)).release();
      assert.ok(performance.now() - start < 300);
      assert.ok(!existsSync(path));
    }
  });

  for (const [name, clock] of [
    ["an hour behind", () => now() - HOUR],
    ["an hour ahead", () => now() + HOUR],
    ["set back while it holds", () => now() - (performance.now() - started > 300 ? HOUR : 0)],
  ] as const)
    it(`of a holder elsewhere whose clock is ${name} is waited for, and taken when it falls silent`, async () => {
      started = performance.now();
      const path = lockPath();
      const other = holder(path, clock);
      let taken = false;
      const waiting = Lock.acquire(path, undefined, undefined, short).then((lock) => {
        taken = true;
        return lock;
      });
      await sleep(1200);
      assert.ok(!taken);
      other.end();
      const lock = await waiting;
      assert.match(readFileSync(path, "utf8"), new RegExp(`^${hostname()} ${process.pid} `));
      lock.release();
    });

  it("is touched with another time at every beat, though the clock stands still or goes back", async () => {
    const path = lockPath();
    const lock = await Lock.acquire(path);
    const times: number[] = [];
    for (const clock of [now(), now() - HOUR]) {
      Date.now = () => clock;
      await sleep(2100);
      times.push(statSync(path).mtimeMs);
    }
    assert.ok(times[1]! > times[0]!);
    lock.release();
  });
});

let started = 0;
