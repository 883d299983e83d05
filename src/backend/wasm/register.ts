import { registerKernels } from "./kernels.js";
import { Heap } from "./memory.js";
import { Native } from "./native.js";
import { nodeHost } from "./node-host.js";
import { registerThreadedWasm } from "./threads.js";

/**
 * Makes "wasm" the current backend, with SIMD, threads, and the kernels that tfjs lacks or has only slowly.
 * @param heap its memory; with a limit of its own in tests
 */
export async function registerWasm(threads: number, heap = new Heap()): Promise<void> {
  registerKernels(
    await Native.start(await registerThreadedWasm(threads, heap), heap, threads, nodeHost()),
    heap,
  );
}
