/** A short form of `make torture`. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { killAndGoOn } from "#src/torture/kills.js";
import { descendants } from "#src/torture/processes.js";
import type { Subject } from "#src/torture/subjects.js";
import { tableOf } from "#src/torture/table.js";
import { torture } from "#src/torture/torture.js";
import { randomStream } from "#src/random.js";
import { freshFolder } from "../support/files.js";

/** Writes a letter every 30 ms, twelve in all, after those that are there; a kill loses nothing unless it is `forgetful`. */
const writer = (forgetful: boolean): Subject => {
  const script = (path: string) =>
    `const fs = require("fs"); const path = ${JSON.stringify(path)};` +
    `let text = fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";` +
    (forgetful ? `if (text) text = text.slice(0, -1) + "?";` : "") +
    `const next = () => { if (text.length >= 12) process.exit(0); text += "x"; fs.writeFileSync(path, text); setTimeout(next, 30); }; next();`;
  return {
    name: "writer",
    weight: 1,
    start(home) {
      mkdirSync(home, { recursive: true });
      const child = spawn(process.execPath, ["-e", script(join(home, "text"))]);
      const ended = new Promise<{ status: number | null; said: string }>((resolve) =>
        child.once("exit", (status) => resolve({ status, said: "" })),
      );
      return { process: child, ended };
    },
    outcome(home) {
      const path = join(home, "text");
      return new Map(existsSync(path) ? [["text", readFileSync(path, "utf8")]] : []);
    },
  };
};

describe("torture", { skip: !existsSync("/proc") && "it looks for workers in /proc" }, () => {
  it("counts its kills, and sees where a killed command does not come to the same", async () => {
    const outcome = new Map([["text", "x".repeat(12)]]);
    for (const forgetful of [false, true]) {
      const reference = { subject: writer(forgetful), outcome, took: 150 };
      const home = freshFolder();
      if (forgetful) writeFileSync(join(home, "text"), "xxx");
      const { kills, differences } = await killAndGoOn(reference, home, 3, randomStream(1, "test"));
      assert.ok(kills >= 1 && kills <= 3);
      assert.deepEqual(differences, forgetful ? ["writer: text differs"] : []);
    }
  });

  it("finds what a process started, and what that did", async () => {
    const child = spawn("/bin/sh", ["-c", "sh -c 'sleep 5; :' & wait"], { detached: true });
    while (descendants(child.pid!).length < 2) await new Promise((next) => setTimeout(next, 20));
    assert.equal(new Set(descendants(child.pid!)).size, 2);
    process.kill(-child.pid!, "SIGKILL");
  });

  it("of a run that is killed, damaged and finds the disk full changes no cell", async () => {
    const lines: string[] = [];
    const tortured = await torture({
      kills: 2,
      seed: 1,
      subjects: ["run"],
      accidents: ["a cell with a flipped bit", "a disk that is full"],
      say: (line) => lines.push(line),
    });
    assert.deepEqual(tortured.differences, [], lines.join("\n"));
    const table = tableOf(tortured);
    assert.match(table, /^# Torture: 2 kills, 2 accidents: 0 differences\n/);
    assert.match(table, /^\| a disk that is full \| 1 \| 0 \|\n\| kill -9 of run \| 2 \| 0 \|$/m);
  });
});
