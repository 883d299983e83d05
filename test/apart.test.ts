import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const home = mkdtempSync(join(tmpdir(), "apart-"));
after(() => rmSync(home, { recursive: true }));

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    // the dead that nobody has buried count as dead
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

/** Seconds until a process is gone, at most 5. */
async function gone(pid: number): Promise<number> {
  const start = performance.now();
  while (alive(pid) && performance.now() - start < 5000) await sleep(50);
  return (performance.now() - start) / 1000;
}

const waiting = fileURLToPath(new URL("./support/waits-for-ever.js", import.meta.url));

/** The number that a process writes first. */
async function firstNumber({ stdout }: ChildProcess): Promise<number> {
  const [text] = (await once(stdout!, "data")) as [Buffer];
  return Number(text);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  test(`a main thread that waits for ever ends at ${signal}`, async () => {
    const child = spawn(process.execPath, [waiting], { stdio: ["ignore", "pipe", "inherit"] });
    const pid = await firstNumber(child);
    child.kill(signal);
    assert.ok((await gone(pid)) < 3);
  });

test("it ends with its parent, even one that was killed", async () => {
  const parent = spawn(process.execPath, [waiting, "parent"], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = await firstNumber(parent);
  assert.ok(alive(pid));
  parent.kill("SIGKILL");
  assert.ok((await gone(pid)) < 3);
});

test(
  "daam features ends with its computing process, whatever that is in the middle of",
  { skip: process.platform !== "linux" && "processes are found in /proc" },
  async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => `"${1 + (i % 4)}","","some words of news"\n`).join(
      "",
    );
    for (const name of ["train.csv", "test.csv"]) writeFileSync(join(home, name), rows);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const args = ["dist/cli.js", "features", "--task", "text", "--limit", "1000", "--backend", "cpu"];
      const daam = spawn(process.execPath, args, {
        env: { ...process.env, DAAM_HOME: join(home, signal), DAAM_DATA: home },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      for await (const text of daam.stderr) if (/: 0 of/.test((said += String(text)))) break;
      const [computing] = childrenOf(daam.pid!);
      if (signal === "SIGTERM") process.kill(computing!, "SIGSTOP"); // as deaf as one can be
      daam.kill(signal);
      assert.ok((await gone(computing!)) < 3, `${signal}: the computing process lives`);
      assert.ok((await gone(daam.pid!)) < 3);
      if (signal === "SIGTERM") assert.equal(daam.exitCode, 130);
    }
  },
);

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(parent);
      } catch {
        return false;
      }
    })
    .map(Number);
}
