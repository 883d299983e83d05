import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { submissionsOf } from "#src/cluster/submissions.js";
import { Run } from "#src/experiments/run/run.js";
import type { CellResult } from "#src/experiments/types.js";
import { emptyQueue, endSlurm, noSlurm, startSlurm } from "#src/torture/slurm.js";
import { freshFolder } from "../support/files.js";

const methods = "no-attention,daam-v1,no-attention-highest";
const scope = ["--preset", "smoke", "--task", "text", "--method", methods];

function daam(home: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", ...args], {
    encoding: "utf8",
    env: { ...process.env, DAAM_HOME: home, ...env },
  });
  return { status, stdout, stderr };
}

describe("without Slurm", () => {
  for (const [args, said] of [
    [
      ["submit", "--preset", "smoke"],
      /^daam: squeue is not here: daam submit is for a cluster with Slurm[^\n]*\n$/,
    ],
    [["submit", "--status", "--preset", "smoke"], /^daam: squeue is not here: [^\n]*\n$/],
    [["submit", "cpu"], /^daam: daam submit cpu: options of sbatch stand after --[^\n]*\n$/],
    [["submit", "--", "--time=soon"], /^daam: --time=soon: give minutes[^\n]*\n$/],
    [["submit", "--task", "taste"], /^daam: unknown task "taste": choose one of speech, text, vision\n$/],
    [["work", "--submission", "3"], /^daam: .*cluster.3\.json is not a submission: [^\n]*\n$/],
  ] as [string[], RegExp][])
    test(`daam ${args.join(" ")}: one line says what is wrong`, () => {
      const { status, stderr } = daam(freshFolder(), args, { PATH: freshFolder() });
      assert.match(stderr, said);
      assert.equal(status, 1);
    });
});

describe("on a Slurm of two nodes", { skip: noSlurm() ?? false }, () => {
  const folder = freshFolder();
  const [home, broken] = [freshFolder(), freshFolder()];
  const failing = ["--preset", "smoke", "--task", "text", "--method", "no-attention"];
  let said = "";

  /** Only where it is UP does a queued task start. */
  function partition(state: "UP" | "DOWN"): void {
    const { status, stderr } = spawnSync("scontrol", ["update", "PartitionName=main", `State=${state}`], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  }

  // what waits for Slurm most of its time goes on together
  before(async () => {
    startSlurm(folder);
    partition("DOWN");
    mkdirSync(join(broken, "runs/smoke/cells"), { recursive: true });
    writeFileSync(join(broken, "runs/smoke/cells/text"), "a file where a folder must be");
    daam(broken, ["submit", ...failing, "--", "--time=7"]);
    said = daam(home, ["submit", ...scope]).stdout;
  });

  after(() => endSlurm(folder));

  /** Lets what is queued start, and ends the task that was submitted before it can have trained a cell. */
  async function end(said: string): Promise<void> {
    const task = `${/^job (\d+)/.exec(said)![1]}_0`;
    const running = () =>
      spawnSync("squeue", ["--noheader", "--states=R", "--format=%i"], { encoding: "utf8" })
        .stdout.split("\n")
        .includes(task);
    partition("UP");
    for (let i = 0; i < 1200 && !running(); i++) await sleep(50);
    assert.ok(running(), `${task} runs`);
    const { status, stderr } = spawnSync("scancel", ["--full", "--signal=TERM", task], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }

  test("the cells, also those that wait for others, are those of a local run, though a task is ended", async () => {
    const local = freshFolder();
    assert.match(said, /^job \d+: 2 cells in 1 tasks of at most \d+h 5m\n1 cells wait for others/);
    const again = daam(home, ["submit", ...scope]);
    assert.doesNotMatch(again.stdout, /^job/m, "what is queued is not submitted again");
    await end(said);
    daam(local, ["run", "--jobs", "1", ...scope]);
    await emptyQueue();
    const { stdout } = daam(home, ["submit", "--status", "--preset", "smoke"]);
    assert.match(stdout, /^cells: .*3 finished/m, stdout);
    assert.match(stdout, /^job \d+: cells, .*, second attempt: 1 finished$/m, stdout);
    assert.match(daam(home, ["submit", ...scope]).stdout, /^nothing is missing: npx daam report/);
    const figures = async (at: string) => {
      process.env.DAAM_HOME = at;
      const results = (await Run.open("smoke")).results({ tasks: ["text"], methods: methods.split(",") });
      delete process.env.DAAM_HOME;
      return results.map((result): CellResult => ({ ...result, seconds: 0, peakMemoryMB: 0 }));
    };
    const here = await figures(local);
    assert.equal(here.length, 3);
    assert.deepEqual(await figures(home), here);
  });

  test("a task that fails is submitted once more with twice the time, then named", async () => {
    await emptyQueue();
    process.env.DAAM_HOME = broken;
    const tried = submissionsOf("smoke").filter(({ kind }) => kind === "cells");
    delete process.env.DAAM_HOME;
    assert.deepEqual(
      tried.map(({ attempt, minutes, tasks }) => [attempt, minutes, tasks]),
      [1, 2].map((attempt) => [attempt, 7 * attempt, [["text/no-attention/run-1"]]]),
    );
    const { stdout } = daam(broken, ["submit", "--status", "--preset", "smoke"]);
    assert.match(
      stdout,
      /^failed: job \d+_0, cannot write .*a part of the path is a file.*: text\/no-attention\/run-1; log: /m,
    );
  });

  test("what sbatch refuses is one line, and nothing counts as submitted", () => {
    const home = freshFolder();
    const { status, stderr } = daam(home, ["submit", ...scope, "--", "--partition=nowhere"]);
    assert.match(stderr, /^daam: sbatch refused: [^\n]*invalid partition[^\n]*\n$/);
    assert.equal(status, 1);
    assert.match(daam(home, ["submit", ...scope, "--", "--hold"]).stdout, /^job \d+: 2 cells/);
    spawnSync("scancel", ["--name=daam-smoke"]);
  });
});
