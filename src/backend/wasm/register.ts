import { registerBlocks } from "./blocks.js";
import { registerConvolutions } from "./convolution.js";
import { registerElementwise } from "./elementwise.js";
import { registerEncoderKernels } from "./encoder.js";
import { registerFused } from "./fused.js";
import { registerLayout } from "./layout.js";
import { Heap, nameKernels } from "./memory.js";
import { registerMissing } from "./missing.js";
import { Native } from "./native.js";
import { registerProducts } from "./product.js";
import { registerThreadedWasm } from "./threads.js";
import { registerUnary } from "./unary.js";

/**
 * Makes "wasm" the current backend, with SIMD, threads, and the kernels that tfjs lacks or has only slowly.
 * @param heap its memory; with a limit of its own in tests
 */
export async function registerWasm(threads: number, heap = new Heap()): Promise<void> {
  const native = await Native.start(await registerThreadedWasm(threads, heap), heap, threads);
  registerConvolutions(native);
  registerProducts(native);
  registerBlocks();
  registerLayout(native);
  registerUnary(native);
  registerElementwise(native);
  registerEncoderKernels(native);
  registerFused(native);
  registerMissing();
  nameKernels(heap);
}
