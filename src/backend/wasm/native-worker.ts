import { parentPort, workerData } from "node:worker_threads";
import { type Helper, tellDeath } from "./job.js";
import type { NativeExports } from "./native.js";

const helper = workerData as Helper;
const { module, memory, job, thread } = helper;
try {
  const { serve } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as NativeExports;
  parentPort!.postMessage("ready");
  serve(job, thread);
} finally {
  tellDeath(helper);
}
