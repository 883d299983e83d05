import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Heap } from "./memory.js";
import { registerModule, type WasmModule } from "./tfjs-module.js";

const require = createRequire(import.meta.url);

type Imports = { env: Record<string, any> };

/**
 * Registers tfjs's threaded SIMD build as the backend "wasm" and makes it the current one. tfjs itself takes the build
 * without threads under Node; this gives it what it lacks there. The threads do not keep the process alive.
 * @param threads of XNNPACK, at most 8
 * @param heap its memory
 */
export async function registerThreadedWasm(threads: number, heap: Heap): Promise<WasmModule> {
  const folder = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out");
  const main = join(folder, "tfjs-backend-wasm-threaded-simd.js");
  const create = require(main) as (options: object) => Promise<WasmModule>;
  const binary = new WebAssembly.Module(readFileSync(join(folder, "tfjs-backend-wasm-threaded-simd.wasm")));
  const module = await withListenersKept(() =>
    withCores(2 * threads, () =>
      create({
        wasmMemory: heap.memory,
        instantiateWasm: (
          imports: Imports,
          received: (instance: WebAssembly.Instance, module: object) => void,
        ) => {
          const instance = new WebAssembly.Instance(binary, { ...heap.watched(imports) });
          received(instance, binary);
          return instance.exports;
        },
        mainScriptUrlOrBlob: main,
        locateFile: (file: string) =>
          file.endsWith(".worker.js")
            ? fileURLToPath(new URL("./xnnpack-worker.cjs", import.meta.url))
            : join(folder, file),
      }),
    ),
  );
  await registerModule(module, heap, threads);
  for (const worker of [...module.PThread.runningWorkers, ...module.PThread.unusedWorkers]) worker.unref();
  return module;
}

/** The module halves the number of logical cores for its pool, asking `require("os")` while it starts. */
async function withCores<T>(count: number, start: () => Promise<T>): Promise<T> {
  const node = require("node:os") as typeof os;
  const { cpus } = node;
  node.cpus = () => Array.from({ length: count }, () => cpus()[0]!);
  try {
    return await start();
  } finally {
    node.cpus = cpus;
  }
}

/** The module installs process-wide handlers of uncaught errors, which would hide where ours come from. */
async function withListenersKept<T>(start: () => Promise<T>): Promise<T> {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => process.listeners(event as "exit"));
  try {
    return await start();
  } finally {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as "exit"))
        if (!before[i]!.includes(listener)) process.off(event, listener);
    });
  }
}
