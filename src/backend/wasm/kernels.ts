import { registerBlocks } from "./blocks.js";
import { registerConvolutions } from "./convolution.js";
import { registerElementwise } from "./elementwise.js";
import { registerEncoderKernels } from "./encoder.js";
import { registerFused } from "./fused.js";
import { registerLayout } from "./layout.js";
import { registerLimit } from "./limit.js";
import { registerMissing } from "./missing.js";
import { registerProducts } from "./product.js";
import { registerUnary } from "./unary.js";
import { type Heap, nameKernels } from "./memory.js";
import type { Native } from "./native.js";

/** Gives the backend "wasm" the kernels that tfjs lacks or has only slowly. */
export function registerKernels(native: Native, heap: Heap): void {
  registerConvolutions(native);
  registerProducts(native);
  registerBlocks();
  registerLayout(native);
  registerUnary(native);
  registerElementwise(native);
  registerEncoderKernels(native);
  registerFused(native);
  registerLimit(native);
  registerMissing();
  nameKernels(heap);
}
