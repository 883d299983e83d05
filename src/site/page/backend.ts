/** Backends of tfjs in a browser's worker. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-webgpu";
import createTfjs from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js";
import { registerKernels } from "#src/backend/wasm/kernels.js";
import { Heap } from "#src/backend/wasm/memory.js";
import { Native } from "#src/backend/wasm/native.js";
import { registerModule, type WasmModule } from "#src/backend/wasm/tfjs-module.js";
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
      const detail = await STARTERS[name](binaries);
      await tf.ready();
      return { name, line: [`${name}, ${detail}`, ...reasons].join("; ") };
    } catch (error) {
      reasons.push(`${name} is not there: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(reasons.join("; "));
}

const STARTERS: Record<PageBackend, (binaries: SiteBinaries) => Promise<string>> = {
  webgpu: async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) throw new Error("the browser offers no adapter");
    await need("webgpu");
    const { description, vendor, architecture } =
      // Newer than the declarations in use.
      (adapter as unknown as { info: GPUAdapterInfo }).info;
    return description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
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

type Imports = { env: Record<string, unknown> };
type Received = (instance: WebAssembly.Instance, module: WebAssembly.Module) => void;

/** tfjs's build with SIMD, and our kernels on its memory. */
async function startWasm({ tfjs, kernels }: SiteBinaries): Promise<string> {
  const binary = new WebAssembly.Module(bytesOf(tfjs));
  let memory: WebAssembly.Memory;
  const heap = new Heap(undefined, () => memory);
  const module = await (createTfjs as unknown as (options: object) => Promise<WasmModule>)({
    instantiateWasm: (imports: Imports, received: Received) => {
      const instance = new WebAssembly.Instance(binary, { ...heap.watched(imports) } as WebAssembly.Imports);
      memory = instance.exports.memory as WebAssembly.Memory;
      received(instance, binary);
      return instance.exports;
    },
    locateFile: (file: string) => file,
  });
  await registerModule(module, heap, 1);
  const host = { kernels: new WebAssembly.Module(bytesOf(kernels)), help: () => Promise.reject() };
  registerKernels(await Native.start(module, heap, 1, host), heap);
  return "SIMD and this project's kernels, 1 thread";
}
