import * as tf from "@tensorflow/tfjs";
import os from "node:os";
import { oneOf, UserError } from "../errors.js";
import { adviseCard, findCards } from "./cuda.js";
import { type BackendName, BACKENDS, CHOICES } from "./names.js";
import { firstLine, loadTensorflow, TENSORFLOW_PACKAGES } from "./tensorflow.js";
import { registerWasm } from "./wasm/register.js";
import { registerWebgpu, webgpuAdapter } from "./webgpu/register.js";

export interface Backend {
  name: BackendName;
  /** What lies behind the name: library and version, adapter, threads. */
  detail: string;
  /** One line that says what was taken, and why not a faster one. */
  line: string;
}

const REMEDIES: Record<BackendName, string> = {
  tensorflow: "run npm install where its binary can be fetched, or scripts/build-tfjs-node.sh",
  webgpu:
    "run npm install --include=optional, and install a driver for the graphics card, or for one in software Debian's chromium and libvulkan1",
  wasm: "run make build",
  cpu: "",
};

/**
 * Makes a backend of TensorFlow.js the current one. `auto` takes the fastest that is sure to work: tfjs-node-gpu, tfjs-node,
 * wasm with SIMD and threads, plain JavaScript; webgpu is taken on request only.
 * @param want "auto" or a name of `BACKENDS`; by default the environment variable DAAM_BACKEND
 * @param threads for wasm; by default the cores of the machine
 * @throws UserError for a name that is unknown, or a backend that is not there
 */
export async function chooseBackend(
  want: string = process.env.DAAM_BACKEND || "auto",
  { threads = os.availableParallelism() }: { threads?: number } = {},
): Promise<Backend> {
  oneOf("backend", want, CHOICES);
  tf.enableProdMode();
  if (want !== "auto") {
    const name = want as BackendName;
    try {
      return await take(name, threads, "as asked");
    } catch (error) {
      const valid = BACKENDS.filter((other) => other !== name).join(", ");
      throw new UserError(
        `backend "${name}" is not available: ${firstLine(error)}; ${REMEDIES[name]}, or choose one of auto, ${valid}`,
      );
    }
  }
  const missing: string[] = [];
  for (const name of ["tensorflow", "wasm"] as const) {
    try {
      return await take(name, threads, missing.join("; ") || "the fastest there is");
    } catch (error) {
      missing.push(firstLine(error));
    }
  }
  return take("cpu", threads, missing.join("; "));
}

async function take(name: BackendName, threads: number, why: string): Promise<Backend> {
  const detail = await STARTERS[name](threads);
  await tf.setBackend(name);
  await tf.ready();
  return { name, detail, line: `backend: ${name}, ${detail} (${why})` };
}

/** The threads of a process are started once. */
let wasm: Promise<number> | undefined;

const STARTERS: Record<BackendName, (threads: number) => Promise<string>> = {
  tensorflow: async () => {
    const reasons: string[] = [];
    for (const name of TENSORFLOW_PACKAGES) {
      try {
        return `${name} with libtensorflow ${loadTensorflow(name)}`;
      } catch (error) {
        reasons.push(firstLine(error));
      }
    }
    // The binding without CUDA is the one that a reader would install.
    throw new Error(reasons.at(-1));
  },
  webgpu: registerWebgpu,
  wasm: async (threads) => {
    const wanted = Math.max(1, Math.min(8, Math.floor(threads)));
    wasm ??= registerWasm(wanted).then(() => wanted);
    const count = await wasm;
    return `SIMD, ${count} ${count === 1 ? "thread" : "threads"}`;
  },
  cpu: async () => "plain JavaScript",
};

export interface BackendStatus {
  name: string;
  present: boolean;
  /** What is there, or why it is not. */
  detail: string;
  /** Whether it computes like a graphics card, on processors. */
  software?: boolean;
}

/** Every backend, fastest first, and whether it can run here. Loads what it lists. */
export async function listBackends(): Promise<BackendStatus[]> {
  type Detail = string | { detail: string; software: boolean };
  const probe = async (name: string, find: () => Promise<Detail> | Detail): Promise<BackendStatus> => {
    try {
      const found = await find();
      return { name, present: true, ...(typeof found === "string" ? { detail: found } : found) };
    } catch (error) {
      return { name, present: false, detail: firstLine(error) };
    }
  };
  tf.enableProdMode();
  const [gpu, node] = TENSORFLOW_PACKAGES;
  const withGpu = await probe(`tensorflow (${gpu})`, () => `libtensorflow ${loadTensorflow(gpu)}`);
  return [
    withGpu,
    // Two bindings cannot live in one process.
    withGpu.present
      ? { name: `tensorflow (${node})`, present: false, detail: `${gpu} is taken instead` }
      : await probe(`tensorflow (${node})`, () => `libtensorflow ${loadTensorflow(node)}`),
    await probe("webgpu", webgpuAdapter),
    await probe("wasm", () => STARTERS.wasm(os.availableParallelism())),
    { name: "cpu", present: true, detail: "plain JavaScript" },
  ];
}

/** A line on each of NVIDIA's cards here: which it is, and what it needs for CUDA. */
export async function listCards(status: readonly BackendStatus[]): Promise<string[]> {
  const cuda = status.find(({ name, present }) => present && name.includes(TENSORFLOW_PACKAGES[0]));
  const loaded = cuda?.detail.split(" ").at(-1);
  return (await findCards()).map((card) => adviseCard(card, loaded));
}
