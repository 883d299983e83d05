/**
 * Executes notebooks: node dist/notebook/execute.js [--output <folder>] notebooks/*.ipynb
 *
 * Each one runs in a Node process of its own, in its own folder, through the kernel that Jupyter would start: no Python,
 * no ZeroMQ. They are rewritten in place, or as executed copies in the output folder. A failing cell gets an `error`
 * output, the notebook is saved up to there, the others still run, and the exit code is 1.
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, writeSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endWithParent } from "../apart.js";
import { UserError } from "../errors.js";
import { joined, type Notebook, readNotebook, writeNotebook } from "./ipynb.js";
import { Kernel } from "./kernel.js";

// Not through process.stderr: the kernel redirects that into the running cell.
const write = (text: string) => writeSync(2, text);
const CLEAR = process.stderr.isTTY ? "\r\x1b[2K" : "";
/** Progress of a cell goes to a terminal alone; a log gets whole lines. */
const status = (text: string) => CLEAR && write(CLEAR + text.slice(0, (process.stderr.columns || 80) - 1));
const say = (text: string) => write(`${CLEAR}${text}\n`);

/** Executes notebooks one after another; returns how many failed. */
export async function executeNotebooks(paths: string[], output?: string): Promise<number> {
  for (const path of paths) checkImports(path, readNotebook(path));
  let child: ChildProcess | undefined;
  const stop = () => child?.kill();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  let failed = 0;
  for (const path of paths) {
    const start = performance.now();
    const target = output === undefined ? resolve(path) : resolve(output, basename(path));
    const args = ["--run", resolve(path), "--output", target];
    const code = await new Promise((done) => {
      child = fork(fileURLToPath(import.meta.url), args, { cwd: dirname(resolve(path)) });
      child.on("exit", done);
    });
    if (code !== 0) failed++;
    say(`${path}: ${code === 0 ? "done" : "FAILED"} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
    if (code === null) break;
  }
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return failed;
}

/** A notebook imports the compiled project; without it tslab would only speak of a missing module. */
function checkImports(path: string, { cells }: Notebook): void {
  for (const cell of cells.filter(({ cell_type }) => cell_type === "code"))
    for (const [, file] of joined(cell.source).matchAll(/\bfrom\s+"(\.[^"]+)"/g))
      if (!existsSync(join(dirname(path), file!)))
        throw new UserError(`${path} imports ${file}, which is not there: run \`make build\``);
}

async function runNotebook(path: string, target: string): Promise<void> {
  // the parent was killed: nobody waits, and a notebook that is half executed is not saved
  endWithParent();
  process.channel?.unref();
  const notebook = readNotebook(path);
  const cells = notebook.cells.filter((cell) => cell.cell_type === "code");
  for (const cell of cells) Object.assign(cell, { execution_count: null, outputs: [] });
  // Saved on every way out: a cell that ends the process leaves its trace too.
  let finished = false;
  process.on("exit", (code) => {
    writeNotebook(target, notebook);
    if (!finished && code === 0) process.exitCode = 1;
  });
  let where = "";
  const kernel = new Kernel((text) => status(`${where} ${text}`));
  for (const [index, cell] of cells.entries()) {
    where = `${basename(path)}, cell ${index + 1} of ${cells.length}`;
    status(where);
    const errors = await kernel.run(cell);
    if (!errors.length) continue;
    say(`${where}:\n${errors.map((error) => (error.traceback as string[]).join("\n")).join("\n")}`);
    process.exit(1);
  }
  notebook.metadata.language_info = kernel.languageInfo;
  finished = true;
  kernel.close();
  process.exit(0);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { output: { type: "string" }, run: { type: "string" } },
    allowPositionals: true,
  });
  if (values.run !== undefined) return runNotebook(values.run, values.output!);
  if (!positionals.length)
    throw new UserError(
      "no notebook named: node dist/notebook/execute.js [--output <folder>] notebooks/*.ipynb",
    );
  process.exitCode = (await executeNotebooks(positionals, values.output)) ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main().catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    say(error.message);
    process.exitCode = 1;
  });
