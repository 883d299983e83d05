import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Host } from "./native.js";

/** The kernels from their file, helpers as worker threads that do not keep the process alive. */
export const nodeHost = (): Host => ({
  kernels: new WebAssembly.Module(readFileSync(new URL("../kernels.wasm", import.meta.url))),
  help: async (workerData) => {
    const worker = new Worker(new URL("./native-worker.js", import.meta.url), { workerData, execArgv: [] });
    await once(worker, "message");
    worker.unref();
  },
});
