import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Cell, type Notebook, notebookText } from "#src/notebook/ipynb.js";
import { freshFolder } from "../support/files.js";

const execute = fileURLToPath(import.meta.resolve("#src/notebook/execute.js"));

const code = (source: string): Cell => ({ cell_type: "code", id: "c", metadata: {}, source });

function notebook(sources: string[], kernel = "tslab"): string {
  const path = join(freshFolder(), "test.ipynb");
  const content: Notebook = {
    cells: sources.map(code),
    metadata: { kernelspec: { name: kernel, display_name: "TypeScript", language: "typescript" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(path, notebookText(content));
  return path;
}

function run(...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [execute, ...args], { encoding: "utf8" });
  return { status, stderr };
}

const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Notebook;

test("cells run in order with counts and outputs; a second run leaves no diff", () => {
  const path = notebook(['const a: number = 20;\nconsole.log("one");', "a + 1"]);
  assert.equal(run(path).status, 0);
  const first = readFileSync(path, "utf8");
  const [one, two] = read(path).cells;
  assert.deepEqual([one!.execution_count, two!.execution_count], [1, 2]);
  assert.deepEqual(one!.outputs, [{ name: "stdout", output_type: "stream", text: ["one\n"] }]);
  assert.match(JSON.stringify(two!.outputs), /21/);
  assert.equal(run(path).status, 0);
  assert.equal(readFileSync(path, "utf8"), first);
});

test("a failing cell leaves an error output, later cells do not run, the exit code is 1", () => {
  const path = notebook(['throw new Error("broken");', "1"]);
  const { status, stderr } = run(path);
  assert.equal(status, 1);
  assert.match(stderr, /cell 1 of 2:\n[^]*Error: broken/);
  const [first, second] = read(path).cells;
  const [error] = first!.outputs!;
  assert.deepEqual([error!.output_type, error!.ename, error!.evalue], ["error", "Error", "broken"]);
  assert.deepEqual([second!.execution_count, second!.outputs], [null, []]);
});

test("type errors and promises that nobody awaits are failures too", () => {
  assert.equal(run(notebook(['const n: number = "text";'])).status, 1);
  assert.equal(run(notebook(['Promise.reject(new Error("late"));'])).status, 1);
});

test("with --output an executed copy is written and the notebook stays", () => {
  const path = notebook(["1 + 1"]);
  const before = readFileSync(path, "utf8");
  const folder = join(freshFolder(), "new");
  assert.equal(run("--output", folder, path).status, 0);
  assert.equal(readFileSync(path, "utf8"), before);
  assert.deepEqual(readdirSync(folder), ["test.ipynb"]);
  assert.equal(read(join(folder, "test.ipynb")).cells[0]!.execution_count, 1);
});

test("a missing build says `make build`, another kernel names the remedy, in one line", () => {
  const missing = run(notebook(['import { x } from "../dist/nothing.js";']));
  assert.deepEqual([missing.status, missing.stderr.trim().split("\n").length], [1, 1]);
  assert.match(missing.stderr, /run `make build`/);
  const other = run(notebook(["1"], "python3"));
  assert.deepEqual([other.status, other.stderr.trim().split("\n").length], [1, 1]);
  assert.match(other.stderr, /kernel "python3".*choose the kernel "TypeScript"/);
});

test("a cell may write files beside the notebook while it runs", () => {
  const write = [
    'import { mkdirSync, writeFileSync } from "node:fs";',
    "for (let i = 0; i < 20; i++) {",
    "  mkdirSync(`made-${i}/node_modules`, { recursive: true });",
    '  writeFileSync(`made-${i}.ts`, "export {};");',
    "  await new Promise((done) => setTimeout(done, 20));",
    "}",
  ];
  assert.equal(run(notebook([write.join("\n"), 'console.log("next");'])).status, 0);
});

test("a notebook ends with the process that executes it, and is left as it was", async () => {
  const path = notebook([
    'import { writeFileSync } from "node:fs";\nwriteFileSync("pid", String(process.pid));',
    "await new Promise((done) => setTimeout(done, 60_000));",
  ]);
  const before = readFileSync(path, "utf8");
  const parent = spawn(process.execPath, [execute, path], { stdio: "ignore" });
  const file = join(dirname(path), "pid");
  for (let i = 0; i < 1500 && !existsSync(file); i++) await sleep(20);
  const pid = Number(readFileSync(file, "utf8"));
  const alive = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  assert.ok(alive());
  parent.kill("SIGKILL");
  for (let i = 0; i < 500 && alive(); i++) await sleep(20);
  assert.ok(!alive());
  assert.equal(readFileSync(path, "utf8"), before);
});
