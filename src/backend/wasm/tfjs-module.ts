import * as tf from "@tensorflow/tfjs";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import type { Heap } from "./memory.js";

/** What this project uses of the Emscripten module behind the wasm backend. */
export interface WasmModule {
  HEAP32: Int32Array;
  HEAPF32: Float32Array;
  _malloc(bytes: number): number;
  asm: { malloc(bytes: number): number };
  _free(address: number): void;
  cwrap(name: string, result: string | null, args: string[]): (...args: number[]) => number;
  /** Of the build with threads. */
  PThread: { runningWorkers: { unref(): void }[]; unusedWorkers: { unref(): void }[] };
}

/**
 * Registers an instance of tfjs's Emscripten module as the backend "wasm" and makes it the current one.
 * @param threads of XNNPACK
 */
export async function registerModule(module: WasmModule, heap: Heap, threads: number): Promise<void> {
  heap.guard(module);
  Object.assign(module, {
    tfjs: {
      init: module.cwrap("init", null, []),
      initWithThreadsCount: module.cwrap("init_with_threads_count", null, ["number"]),
      getThreadsCount: module.cwrap("get_threads_count", "number", []),
      registerTensor: module.cwrap("register_tensor", null, ["number", "number", "number"]),
      disposeData: module.cwrap("dispose_data", null, ["number"]),
      dispose: module.cwrap("dispose", null, []),
    },
  });
  wasm.setThreadsCount(threads);
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", () => new wasm.BackendWasm(module as never) as tf.KernelBackend, 3);
  await tf.setBackend("wasm");
}
