import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { submissionsOf } from "#src/cluster/submissions.js";
import { Run } from "#src/experiments/run/run.js";
import type { CellResult } from "#src/experiments/types.js";
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

const installed = (program: string) =>
  [...process.env.PATH!.split(delimiter), "/usr/sbin"].some(
    (folder) => spawnSync("test", ["-x", join(folder, program)]).status === 0,
  );
const missing =
  process.getuid?.() === 0
    ? ["slurmctld", "slurmd", "sbatch", "munged"]
        .filter((program) => !installed(program))
        .map((name) => `no ${name}`)
    : ["not root"];
const skip = missing.length
  ? `a Slurm cannot be started here: ${missing.join(", ")} (apt-get install slurm-wlm munge)`
  : false;

describe("on a Slurm of two nodes", { skip }, () => {
  const folder = freshFolder();

  before(() => {
    process.env.SLURM_CONF = join(folder, "slurm.conf");
    const port = 20_000 + 3 * (process.pid % 10_000);
    const { status, stderr } = spawnSync("sh", ["test/support/slurm.sh", folder, String(port)], {
      // its daemons would keep pipes open
      stdio: ["ignore", "ignore", "inherit"],
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });

  after(async () => {
    spawnSync("scancel", ["--user=root"]);
    const daemons = readdirSync(folder).filter((name) => name.endsWith(".pid"));
    const pids = daemons.map((name) => readFileSync(join(folder, name), "utf8").trim());
    spawnSync("scontrol", ["shutdown"]);
    // the controller writes its state at its end
    for (let i = 0; i < 200 && pids.some((pid) => existsSync(`/proc/${pid}`)); i++) await sleep(100);
    delete process.env.SLURM_CONF;
  });

  /** Waits until nothing is queued or running. */
  async function quiet(): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (spawnSync("squeue", ["--noheader"], { encoding: "utf8" }).stdout === "") return;
      await sleep(250);
    }
    assert.fail("jobs are queued after minutes");
  }

  test("the cells, also those that wait for others, are those of a local run", async () => {
    const [home, local] = [freshFolder(), freshFolder()];
    const first = daam(home, ["submit", ...scope]);
    assert.match(first.stdout, /^job \d+: 2 cells in 1 tasks of at most \d+h 5m\n1 cells wait for others/);
    const again = daam(home, ["submit", ...scope]);
    assert.doesNotMatch(again.stdout, /^job/m, "what is queued is not submitted again");
    daam(local, ["run", "--jobs", "1", ...scope]);
    await quiet();
    const { stdout } = daam(home, ["submit", "--status", "--preset", "smoke"]);
    assert.match(stdout, /^cells: .*3 finished/m, stdout);
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
    const home = freshFolder();
    mkdirSync(join(home, "runs/smoke/cells"), { recursive: true });
    writeFileSync(join(home, "runs/smoke/cells/text"), "a file where a folder must be");
    daam(home, [
      "submit",
      "--preset",
      "smoke",
      "--task",
      "text",
      "--method",
      "no-attention",
      "--",
      "--time=7",
    ]);
    await quiet();
    process.env.DAAM_HOME = home;
    const tried = submissionsOf("smoke").filter(({ kind }) => kind === "cells");
    delete process.env.DAAM_HOME;
    assert.deepEqual(
      tried.map(({ attempt, minutes, tasks }) => [attempt, minutes, tasks]),
      [1, 2].map((attempt) => [attempt, 7 * attempt, [["text/no-attention/run-1"]]]),
    );
    const { stdout } = daam(home, ["submit", "--status", "--preset", "smoke"]);
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
