/**
 * `make bench`: times of training steps and of the extraction of hidden states on every backend that is here, against PyTorch and
 * transformers on the same cores. `node dist/bench/main.js wasm` times that backend alone. Encoders of the published shapes, of random
 * weights, run on wasm alone.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { listBackends } from "../backend/choose.js";
import { CASES, PUBLISHED } from "./cases.js";
import { cells, compare } from "./compare.js";
import { timePublished } from "./published.js";
import { Side } from "./side.js";

const ROUNDS = 5;

function machine(): string {
  const cpu = os.cpus()[0]?.model.trim() ?? "unknown processor";
  let flags: string[] = [];
  try {
    flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.trim().split(/\s+/) ?? [];
  } catch {
    // Only Linux tells.
  }
  const has = (flag: string) => (flags.length === 0 ? "unknown" : flags.includes(flag) ? "yes" : "no");
  return `${cpu}, ${os.availableParallelism()} cores, AVX2 ${has("avx2")}, AVX-512 ${has("avx512f")}`;
}

const require = createRequire(import.meta.url);
const versionOf = (name: string) => require(`${name}/package.json`).version as string;

console.log(`machine  ${machine()}`);
console.log(`node     ${process.version}, tfjs ${versionOf("@tensorflow/tfjs")}`);

const python = process.env.PYTHON || "python3";
const script = fileURLToPath(new URL("../../src/bench/peer.py", import.meta.url));
const peer = await Side.start(python, [script]);
console.log(
  `peer     ${peer ? `${peer.version}, the faster of NCHW and channels_last` : `none: ${python} has no torch (install it, or name another in PYTHON); times without ratios`}`,
);

const COLUMNS = [36, 12, 10, 12, 24];
const row = (cells: string[]) => cells.map((cell, i) => cell.padEnd(COLUMNS[i] ?? 0)).join("");
const worker = fileURLToPath(new URL("./worker.js", import.meta.url));

// Plain JavaScript takes minutes for a step of the paper's size.
const status = (await listBackends()).filter(({ name, present }) => present && name !== "cpu");
const present = [...new Set(status.map(({ name }) => name.split(" ")[0]!))];
const names = process.argv.length > 2 ? process.argv.slice(2) : present;

console.log(
  `\n${row(["a training step, or a batch", "backend", "ours, ms", "PyTorch, ms", "ratio: min – median – max"])}`,
);
const lines: string[] = [];
for (const name of names) {
  for (const threads of ["one", "all"] as const) {
    const count = threads === "one" ? 1 : os.availableParallelism();
    const ours = await Side.start(process.execPath, [worker, name, String(count)]);
    if (!ours) {
      lines.push(`${name}: not available`);
      continue;
    }
    lines.push(ours.version);
    for (const wanted of CASES.filter((wanted) => wanted.threads === threads)) {
      console.log(row([wanted.name, name, ...cells(await compare(wanted, ours.side, peer?.side, ROUNDS))]));
    }
    ours.side.stop();
  }
}
peer?.side.stop();
if (names.includes("wasm")) {
  // the folders of weights go when the process exits
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  for (const wanted of PUBLISHED) {
    const answer = await timePublished(wanted, async () => ({
      ours: (await Side.start(process.execPath, [worker, "wasm", String(os.availableParallelism())]))?.side,
      peer: peer && (await Side.start(python, [script]))?.side,
    }));
    const line =
      typeof answer === "string" ? [wanted.name, `left out: ${answer}`] : [wanted.name, "wasm", ...answer];
    console.log(row(line));
  }
}
console.log(`\n${[...new Set(lines)].join("\n")}`);
process.exit();
