/** Backends of tfjs in a browser's worker. */
import * as tf from "@tensorflow/tfjs";
import createTfjs from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js";
import type { Helper } from "#src/backend/wasm/job.js";
import { registerKernels } from "#src/backend/wasm/kernels.js";
import { Heap } from "#src/backend/wasm/memory.js";
import { Native } from "#src/backend/wasm/native.js";
import { registerModule, type WasmModule } from "#src/backend/wasm/tfjs-module.js";
import { registerAdapter } from "#src/backend/webgpu/device.js";
import { describe } from "#src/backend/webgpu/info.js";
import type { SiteBinaries } from "#src/site/types.js";
import { bytesOf } from "./bytes.js";
import { BACKENDS, type PageBackend } from "./messages.js";

/**
 * Makes a backend the current one: as asked, or the first that starts.
 * @throws Error saying why none did
 */
export async function startBackend(
  want: PageBackend | "auto",
  binaries: SiteBinaries,
): Promise<{ name: PageBackend; line: string }> {
  tf.enableProdMode();
  const reasons: string[] = [];
  for (const name of want === "auto" ? BACKENDS : [want]) {
    try {
      const detail = await STARTERS[name](binaries, want !== "auto");
      await tf.ready();
      return { name, line: [`${name}, ${detail}`, ...reasons].join("; ") };
    } catch (error) {
      reasons.push(`${name} is not there: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(reasons.join("; "));
}

const STARTERS: Record<PageBackend, (binaries: SiteBinaries, asked: boolean) => Promise<string>> = {
  webgpu: async (_, asked) => {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) throw new Error("the browser offers no adapter");
    const { name, software } = describe(adapter);
    if (!asked && software) throw new Error("it would run in software, slower than WebAssembly");
    await registerAdapter(adapter);
    return name;
  },
  wasm: startWasm,
  webgl: async () => {
    await need("webgl");
    return "in float32 where the graphics card has it";
  },
};

async function need(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error("it does not start");
}

declare function importScripts(address: string): void;

type Imports = { env: Record<string, unknown> };
type Received = (instance: WebAssembly.Instance, module: WebAssembly.Module) => void;
type Create = (options: object) => Promise<WasmModule>;

const compiled = (base64: string) => new WebAssembly.Module(bytesOf(base64));
const addressOf = (text: string) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

/** tfjs's build with SIMD, and our kernels on its memory; threads share memory where the page is isolated. */
async function startWasm(binaries: SiteBinaries): Promise<string> {
  // tfjs keeps 8 workers ready; one that it had to start would be waited for without an end.
  const threads = crossOriginIsolated ? Math.max(1, Math.min(8, navigator.hardwareConcurrency)) : 1;
  if (threads > 1) await startThreads(binaries.threads, threads);
  else await startSingle(binaries);
  return `SIMD and this project's kernels, ${threads} ${threads > 1 ? "threads" : "thread"}`;
}

async function startSingle({ tfjs, kernels }: SiteBinaries): Promise<void> {
  const binary = compiled(tfjs);
  let memory: WebAssembly.Memory;
  const heap = new Heap(undefined, () => memory);
  const module = await (createTfjs as unknown as Create)({
    instantiateWasm: (imports: Imports, received: Received) => {
      const instance = new WebAssembly.Instance(binary, { ...heap.watched(imports) } as WebAssembly.Imports);
      memory = instance.exports.memory as WebAssembly.Memory;
      received(instance, binary);
      return instance.exports;
    },
    locateFile: (file: string) => file,
  });
  await registerModule(module, heap, 1);
  const host = { kernels: compiled(kernels), help: () => Promise.reject() };
  registerKernels(await Native.start(module, heap, 1, host), heap);
}

async function startThreads(binaries: SiteBinaries["threads"], threads: number): Promise<void> {
  const binary = compiled(binaries.tfjs);
  const heap = new Heap();
  const program = addressOf(binaries.program);
  importScripts(program);
  const create = (globalThis as unknown as { WasmBackendModuleThreadedSimd: Create })
    .WasmBackendModuleThreadedSimd;
  const module = await create({
    wasmMemory: heap.memory,
    instantiateWasm: (imports: Imports, received: Received) => {
      const instance = new WebAssembly.Instance(binary, { ...heap.watched(imports) } as WebAssembly.Imports);
      received(instance, binary);
      return instance.exports;
    },
    mainScriptUrlOrBlob: program,
    locateFile: (file: string) => (file.endsWith(".worker.js") ? addressOf(binaries.worker) : file),
  });
  await registerModule(module, heap, threads);
  const host = { kernels: compiled(binaries.kernels), help };
  registerKernels(await Native.start(module, heap, threads, host), heap);
}

/** What a helper thread runs. */
const helper = `onmessage = ({ data: { module, memory, job, thread } }) => {
  const { serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  postMessage("ready");
  serve(job, thread);
};`;

function help(given: Helper): Promise<void> {
  const worker = new Worker(addressOf(helper));
  worker.postMessage(given);
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}
