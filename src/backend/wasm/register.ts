import { registerBlocks } from "./blocks.js";
import { registerConvolutions } from "./convolution.js";
import { registerElementwise } from "./elementwise.js";
import { registerEncoderKernels } from "./encoder.js";
import { registerFused } from "./fused.js";
import { registerLayout } from "./layout.js";
import { registerMissing } from "./missing.js";
import { Native } from "./native.js";
import { registerProducts } from "./product.js";
import { registerThreadedWasm } from "./threads.js";
import { registerUnary } from "./unary.js";

/** Makes "wasm" the current backend, with SIMD, threads, and the kernels that tfjs lacks or has only slowly. */
export async function registerWasm(threads: number): Promise<void> {
  const native = new Native(await registerThreadedWasm(threads), threads);
  registerConvolutions(native);
  registerProducts(native);
  registerBlocks();
  registerLayout(native);
  registerUnary(native);
  registerElementwise(native);
  registerEncoderKernels(native);
  registerFused(native);
  registerMissing();
}
