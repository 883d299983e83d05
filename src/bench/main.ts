/**
 * `make bench`: times of training steps and of the extraction of hidden states on every backend that is here, against PyTorch and
 * transformers on the same cores. `node dist/bench/main.js wasm` times that backend alone.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { listBackends } from "../backend/choose.js";
import { CASES, type Case } from "./cases.js";

const ROUNDS = 5;

/** A process that answers every case it is given with the median time of a step. */
class Side {
  private readonly lines: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Undefined where the process does not start. */
  static async start(command: string, args: string[]): Promise<{ side: Side; version: string } | undefined> {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
    child.on("error", () => {});
    const side = new Side(child);
    const first = await side.answer();
    return first?.version ? { side, version: first.version } : undefined;
  }

  /** Undefined where this side cannot do the case. */
  async time(wanted: Case): Promise<number | undefined> {
    this.child.stdin!.write(`${JSON.stringify(wanted)}\n`);
    const answer = await this.answer();
    if (!answer) throw new Error(`${wanted.name}: the process ended`);
    return answer.ms;
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private async answer(): Promise<{ version?: string; ms?: number } | undefined> {
    const { value, done } = await this.lines.next();
    return done ? undefined : JSON.parse(value);
  }
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function compare(wanted: Case, ours: Side, peer: Side | undefined): Promise<string[]> {
  const times: number[] = [];
  const ratios: number[] = [];
  const peers: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [here, there] = [await ours.time(wanted), await peer?.time(wanted)];
    if (here) times.push(here);
    if (there) peers.push(there);
    if (here && there) ratios.push(here / there);
  }
  const ms = (values: number[]) =>
    values.length ? median(values).toFixed(median(values) < 100 ? 2 : 0) : "–";
  const range = [Math.min(...ratios), median(ratios), Math.max(...ratios)].map((ratio) => ratio?.toFixed(2));
  return [ms(times), ms(peers), ratios.length ? range.join(" – ") : "–"];
}

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

const COLUMNS = [36, 12, 10, 12];
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
      console.log(row([wanted.name, name, ...(await compare(wanted, ours.side, peer?.side))]));
    }
    ours.side.stop();
  }
}
peer?.side.stop();
console.log(`\n${[...new Set(lines)].join("\n")}`);
process.exit();
