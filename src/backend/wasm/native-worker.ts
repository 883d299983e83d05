import { workerData } from "node:worker_threads";
import type { NativeExports, Helper } from "./native.js";

const { module, memory, job, thread } = workerData as Helper;
const { serve } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as NativeExports;
serve(job, thread);
