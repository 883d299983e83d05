import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

const home = mkdtempSync(join(tmpdir(), "daam-cli-"));
after(() => rmSync(home, { recursive: true }));

function daam(
  args: string[],
  { node = [], env = {} }: { node?: string[]; env?: Record<string, string> } = {},
) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, "dist/cli.js", ...args], {
    encoding: "utf8",
    env: { ...process.env, DAAM_HOME: home, ...env },
  });
  return { status, stdout, stderr };
}

describe("daam", () => {
  it("lists its commands with examples", () => {
    const { status, stdout } = daam(["--help"]);
    assert.equal(status, 0);
    for (const command of ["run", "cells", "report", "parity", "backends", "tune", "Examples:"])
      assert.ok(stdout.includes(command));
    assert.match(daam(["run", "--help"]).stdout, /--preset[^]*--task[^]*--jobs[^]*--backend[^]*Examples:/);
  });

  it("tells its version", () => {
    assert.match(daam(["--version"]).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it("lists cells with their configuration and state", () => {
    const { status, stdout } = daam(["cells", "--preset", "smoke", "--task", "text", "--method", "daam-v1"]);
    assert.equal(status, 0);
    assert.match(stdout, /^text\/daam-v1\/run-1 +seed \d+, .*density ×4 +missing\n0 of 1 cells are finished/);
    const json = daam(["cells", "--preset", "smoke", "--method", "mha", "--json"]).stdout.trim().split("\n");
    assert.deepEqual(
      json.map((line) => JSON.parse(line).name),
      ["speech/mha/run-1", "text/mha/run-1", "vision/mha/run-1"],
    );
  });

  const bad: [string[], RegExp][] = [
    [
      ["run", "--preset", "huge"],
      /unknown preset "huge": choose one of smoke, quick, small, base, paper, or rehearse on few items: small-16/,
    ],
    [["run", "--task", "music"], /unknown task "music": choose one of speech, text, vision/],
    [["run", "--method", "lora-4"], /lora-4 has no cells here: .*only with --lora \(make LORA=1\)/],
    [["run", "--method", "magic"], /unknown method "magic": choose one of mha, mha-bn, daam-v1/],
    [
      ["run", "--backend", "abacus"],
      /unknown backend "abacus": choose one of auto, tensorflow, webgpu, wasm, cpu/,
    ],
    [["run", "--part", "lunch"], /--part.*Allowed choices are table, rates, ablations, robustness/],
    [
      ["features", "--preset", "small", "--task", "text", "--shift", "fog"],
      /unknown shift "fog": choose one of word-drop-0\.1, word-drop-0\.2, word-drop-0\.4/,
    ],
    [["features", "--task", "text", "--per-class", "0,0"], /--per-class.*such as 750,375/],
    [["features", "--task", "text", "--per-class", "5,x"], /--per-class.*such as 750,375/],
    [["features", "--task", "text", "--export", ""], /cannot export to "": name a file/],
    [["run", "--jobs", "0"], /--jobs.*'0' is invalid. give a whole number/],
    [["tune", "--task", "text", "--rates", "fast"], /--rates fast: give positive numbers/],
    [
      ["tune", "--preset", "smoke", "--task", "text", "--method", "no-attention-lowest"],
      /no-attention-lowest depends on text\/daam-v1\/run-1, which is not finished: npx daam run .*--method daam-v1/,
    ],
    [["report", "--preset", "smoke"], /no cell of smoke is finished .*npx daam run --preset smoke/],
    [["dance"], /unknown command 'dance'/],
    [["parity", "/nowhere"], /nowhere is not a folder/],
  ];
  for (const [args, message] of bad)
    it(`refuses "${args.join(" ")}" in one line`, () => {
      const { status, stderr, stdout } = daam(args);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.match(stderr, /^daam: [^\n]*\n$/);
      assert.equal(stdout, "");
    });

  it("says what the hidden states that features made are like", () => {
    const rows = [1, 2, 3, 4].map((label) => `"${label}","","words of news ${label}"\n`).join("");
    for (const name of ["train.csv", "test.csv"]) writeFileSync(join(home, name), rows);
    const { status, stdout, stderr } = daam(["features", "--task", "text", "--limit", "4"], {
      env: { DAAM_HOME: home, DAAM_DATA: home },
    });
    assert.equal(status, 0, stderr);
    const path = stdout.trim();
    assert.match(path, /features\.safetensors$/);
    const said = stderr.trim().split("\n").at(-1)!;
    assert.match(said, /^12 layers: norm \S+ to \S+, largest value .* \(each layer: npx daam inspect /);
    assert.ok(said.endsWith(`npx daam inspect ${path})`));
  });

  for (const command of ["features --limit 5000 --backend cpu", "run --preset small"])
    it(`says that features go on where they were interrupted: ${command}`, async () => {
      const row = (label: number) =>
        `"${label}","","some words of news, of which the first hundred make an item"\n`;
      const rows = [1, 2, 3, 4].map(row).join("").repeat(1_250);
      for (const name of ["train.csv", "test.csv"]) writeFileSync(join(home, name), rows);
      const child = spawn(process.execPath, ["dist/cli.js", ...command.split(" "), "--task", "text"], {
        env: { ...process.env, DAAM_HOME: home, DAAM_DATA: home },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        // as a terminal's Ctrl-C: to every process of the group
        if (/: 0 of/.test(text)) process.kill(-child.pid!, "SIGINT");
      });
      const [status] = (await once(child, "close")) as [number];
      assert.equal(status, 130);
      assert.match(
        said,
        /\ndaam: stopped: finished items are kept, the same command goes on with the rest\n$/,
      );
      assert.doesNotMatch(said, /could not/);
    });

  it("refuses DAAM_BACKEND too", () => {
    assert.match(
      daam(["run"], { env: { DAAM_BACKEND: "abacus" } }).stderr,
      /^daam: unknown backend "abacus"[^\n]*\n$/,
    );
  });

  it("refuses a folder that cannot be written in one line", () => {
    writeFileSync(join(home, "file"), "");
    const { status, stderr } = daam(["run", "--preset", "smoke"], { env: { DAAM_HOME: join(home, "file") } });
    assert.equal(status, 1);
    assert.match(stderr, /^daam: cannot write [^\n]*DAAM_HOME[^\n]*\n$/);
  });

  it("refuses a Node that is too old before it loads anything", () => {
    const old = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'18.20.0'})";
    const { status, stderr } = daam(["run"], { node: ["--import", old] });
    assert.equal(status, 1);
    assert.equal(stderr, "daam: Node 18.20.0 is too old: install 20.19 or newer (https://nodejs.org)\n");
  });
});
