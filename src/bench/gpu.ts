/**
 * `make bench-gpu`: steps of the paper's decoders and batches through its encoders, of random weights, a second on WebGPU, against PyTorch
 * and transformers on the same card; writes results/bench/gpu.md. `--small FOLDER` takes small sizes on any adapter, and writes into FOLDER.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findCards } from "../backend/cuda.js";
import { findAdapter } from "../backend/webgpu/adapter.js";
import { UserError } from "../errors.js";
import { writeWhole } from "../files.js";
import { resultsFolder } from "../folders.js";
import { publishedModels } from "../synthetic/models.js";
import { writeSynthetic } from "../synthetic/write.js";
import { type Case, GPU_CASES, SMALL_GPU_CASES } from "./cases.js";
import { compare, type Comparison } from "./compare.js";
import { Side } from "./side.js";
import { markdown, markdownRow } from "./table.js";

const COLUMNS = ["a training step, or a batch", "WebGPU", "PyTorch, eager", "PyTorch, compiled"];

const { values } = parseArgs({ options: { small: { type: "string" } } });
const ROUNDS = values.small === undefined ? 3 : 1;
const python = process.env.PYTHON || "python3";
const script = fileURLToPath(new URL("../../src/bench/peer.py", import.meta.url));
const worker = fileURLToPath(new URL("./worker.js", import.meta.url));
const root = mkdtempSync(join(os.tmpdir(), "daam-bench-"));
process.once("exit", () => rmSync(root, { recursive: true, force: true }));
// the weights go when the process exits
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** Rounds a second; of a case that a side cannot do, its reason. */
function perSecond(times: number[], error?: string): string {
  const ms = [...times].sort((a, b) => a - b)[times.length >> 1];
  return ms ? (1000 / ms).toPrecision(3) : error ? `– (${error.split("\n")[0]})` : "–";
}

/** A case's line, each side in a process of its own. */
async function line(wanted: Case, device: string): Promise<string[]> {
  const start = async (command: string, args: string[]) => (await Side.start(command, args))?.side;
  const ours = await start(process.execPath, [worker, "webgpu", "1"]);
  if (!ours) throw new UserError("WebGPU does not start");
  const against = async (args: string[]): Promise<Comparison> => {
    const peer = await start(python, [script, device, ...args]);
    try {
      return await compare(wanted, ours, peer, ROUNDS);
    } finally {
      peer?.stop();
    }
  };
  try {
    const eager = await against([]);
    const compiled = wanted.kind === "decoder" && eager.peers.length ? await against(["compile"]) : undefined;
    return [
      wanted.name,
      perSecond([...eager.ours, ...(compiled?.ours ?? [])]),
      perSecond(eager.peers, eager.error),
      compiled ? perSecond(compiled.peers, compiled.error) : "–",
    ];
  } finally {
    ours.stop();
  }
}

async function main(): Promise<void> {
  const { name, software } = await findAdapter();
  if (software && values.small === undefined)
    throw new UserError(`${name} is no graphics card: --small FOLDER takes sizes for it`);
  const cards = await findCards();
  const device = cards.length ? "cuda" : "cpu";
  const peer = await Side.start(python, [script, device]);
  peer?.side.stop();
  const head = [
    "# Steps a second on a graphics card",
    "",
    `WebGPU: ${name}${cards[0] ? `, driver ${cards[0].driver}` : ""}. PyTorch: ${peer?.version ?? `none (${python} has no torch)`}.`,
    `Float32 throughout; median of rounds of both in turn (${ROUNDS}). Encoders have random weights.`,
    "",
    ...markdown(COLUMNS, []),
  ];
  console.log(head.join("\n"));
  const rows: string[] = [];
  for (const { model, ...wanted } of values.small === undefined ? GPU_CASES : SMALL_GPU_CASES) {
    if (model && wanted.kind === "encoder") {
      wanted.folder = join(root, model);
      await writeSynthetic(publishedModels[model]!, wanted.folder);
    }
    rows.push(markdownRow(await line(wanted, device)));
    console.log(rows.at(-1));
    if (model) rmSync(join(root, model), { recursive: true, force: true });
  }
  const folder = values.small ?? resultsFolder("bench");
  writeWhole(join(folder, "gpu.md"), `${[...head, ...rows].join("\n")}\n`);
}

try {
  await main();
  process.exit();
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exit(1);
}
