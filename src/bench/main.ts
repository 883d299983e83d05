/**
 * `make bench`: times of training steps and of the extraction of hidden states on every backend that is here, against PyTorch and
 * transformers on the same cores, and beside them what the machine can; writes results/bench/cpu.md. `node dist/bench/main.js wasm` times
 * that backend alone. Encoders of the published shapes, of random weights, run on wasm alone, and not at all with `--shipped`.
 * `--small FOLDER` takes sizes of seconds on wasm, and writes into FOLDER.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { listBackends } from "../backend/choose.js";
import { writeWhole } from "../files.js";
import { resultsFolder } from "../folders.js";
import {
  type Case,
  CASES,
  GROWTH,
  LIMITS,
  PUBLISHED,
  SMALL_CASES,
  SMALL_GROWTH,
  SMALL_LIMITS,
} from "./cases.js";
import { compare, median } from "./compare.js";
import { growthFigure, type GrowthPoint } from "./growth.js";
import { timePublished } from "./published.js";
import { Side } from "./side.js";
import { CASE_COLUMNS, caseLine, type Limit, LIMIT_COLUMNS, limitLine, limitOf, markdown } from "./table.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { small: { type: "string" }, shipped: { type: "boolean" } },
});
const small = values.small !== undefined;
const ROUNDS = small ? 1 : 5;
const cores = os.availableParallelism();
const python = process.env.PYTHON || "python3";
const script = fileURLToPath(new URL("../../src/bench/peer.py", import.meta.url));
const worker = fileURLToPath(new URL("./worker.js", import.meta.url));
const threadCounts = ["one", "all"] as const;

function machine(): string {
  const cpu = os.cpus()[0]?.model.trim() ?? "unknown processor";
  let flags: string[] = [];
  try {
    flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.trim().split(/\s+/) ?? [];
  } catch {
    // Only Linux tells.
  }
  const has = (flag: string) => (flags.length === 0 ? "unknown" : flags.includes(flag) ? "yes" : "no");
  return `${cpu}, ${cores} cores, AVX2 ${has("avx2")}, FMA ${has("fma")}, AVX-512 ${has("avx512f")}`;
}

const require = createRequire(import.meta.url);
const versionOf = (name: string) => require(`${name}/package.json`).version as string;

const peer = await Side.start(python, [script]);
const head = [
  `Machine: ${machine()}. Node ${process.version}, tfjs ${versionOf("@tensorflow/tfjs")}.`,
  peer
    ? `Against it: ${peer.version}, the faster of NCHW and channels_last.`
    : "Against it: nothing, for Python (python3, or what PYTHON names) has no torch; times without ratios.",
];
console.log(head.join("\n"));

/** Backends that are here; plain JavaScript takes minutes for a step of the paper's size. */
async function backendsHere(): Promise<string[]> {
  const status = (await listBackends()).filter(({ name, present }) => present && name !== "cpu");
  return [...new Set(status.map(({ name }) => name.split(" ")[0]!))];
}
const names = small ? ["wasm"] : positionals.length ? positionals : await backendsHere();
const versions = new Set<string>();

const WIDTHS = [38, 12, 9, 12, 12, 26, 8];
const show = (cells: string[]) => console.log(cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join(""));

async function start(backend: string, threads: "one" | "all"): Promise<Side | undefined> {
  const ours = await Side.start(process.execPath, [worker, backend, String(threads === "one" ? 1 : cores)]);
  versions.add(ours?.version ?? `${backend}: not available`);
  return ours?.side;
}

const limits: Limit[] = [];
const lines: string[][] = [];
const points: GrowthPoint[] = [];

show(CASE_COLUMNS);
for (const name of names) {
  for (const threads of threadCounts) {
    const own = <T extends Case>(all: readonly T[]) => all.filter((wanted) => wanted.threads === threads);
    const cases = own(small ? SMALL_CASES : CASES);
    const ours = cases.length ? await start(name, threads) : undefined;
    if (!ours) continue;
    let most: number | undefined;
    for (const wanted of name === "wasm" ? own(small ? SMALL_LIMITS : LIMITS) : []) {
      const limit = limitOf(wanted, await compare(wanted, ours, peer?.side, ROUNDS));
      if (wanted.of === "multiply-adds") most = limit.wasm;
      limits.push(limit);
      console.log(limitLine(limit, cores).join("  "));
    }
    for (const wanted of cases) {
      const comparison = await compare(wanted, ours, peer?.side, ROUNDS);
      lines.push(caseLine(wanted, name, cores, comparison, most));
      show(lines.at(-1)!);
    }
    const growth = name === "wasm" ? own(small ? SMALL_GROWTH : GROWTH) : [];
    const times = growth.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, wanted] of growth.entries()) times[i]!.push((await ours.time(wanted)).ms!);
    growth.forEach(({ batch, layers }, i) => points.push({ batch, layers, ms: median(times[i]!) }));
    ours.stop();
  }
}
peer?.side.stop();

if (names.includes("wasm") && !small && !values.shipped) {
  // the folders of weights go when the process exits
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  for (const wanted of PUBLISHED) {
    const answer = await timePublished(wanted, async () => ({
      ours: await start("wasm", "all"),
      peer: peer && (await Side.start(python, [script]))?.side,
    }));
    const cells = typeof answer === "string" ? [`left out: ${answer}`] : [String(cores), ...answer];
    lines.push([wanted.name, "wasm", ...cells]);
    show(lines.at(-1)!);
  }
}
console.log(`\n${[...versions].join("\n")}`);

const page = [
  "# Steps and extractions on processors",
  "",
  ...head,
  `Float32 throughout; median of rounds of both in turn (${ROUNDS}). PyTorch has every core, we the threads named.`,
  "A step's multiply-adds are counted by definition, of products alone; our 3 × 3 convolutions make do with 16 of 36, so a share of the limit",
  "may pass 100 %. The limit of wasm is that of SIMD without fused multiply-add: a multiplication and an addition each.",
  "",
  ...markdown(
    LIMIT_COLUMNS,
    limits.map((limit) => limitLine(limit, cores)),
  ),
  "",
  ...markdown(
    CASE_COLUMNS,
    lines.map((cells) => [...cells, ...Array<string>(CASE_COLUMNS.length - cells.length).fill("")]),
  ),
  ...(points.length
    ? [
        "",
        "Cost grows linearly in items and layers: one thread of wasm, 128 features, 64 channels.",
        "",
        "![ms of a training step by items and by layers](figures/growth.png)",
        "",
        ...markdown(
          ["items", "layers", "ms a step"],
          points.map(({ batch, layers, ms }) => [`${batch}`, `${layers}`, ms.toFixed(2)]),
        ),
      ]
    : []),
];
const folder = values.small ?? resultsFolder("bench");
if (points.length && !small) {
  const { toPng, toSvg } = await import("../report/figures/static.js");
  writeWhole(join(folder, "figures", "growth.png"), await toPng(await toSvg(growthFigure(points))));
}
writeWhole(join(folder, "cpu.md"), `${page.join("\n")}\n`);
process.exit();
