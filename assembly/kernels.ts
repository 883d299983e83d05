import { attention, attentionGradient } from "./attention";
import { density, densityGradient } from "./density";
import { binary } from "./elementwise";
import { permute, sumRows } from "./layout";
import { multiplyAdds } from "./limit";
import { rowNorm, timeNorm } from "./norm";
import { product } from "./product";
import { rotary } from "./rotary";
import { adamw, rectifierGradient } from "./training";
import { unary } from "./unary";
import { convolve, filterGradient } from "./winograd";

/** Kernels by number, as `KERNELS` in src/backend/wasm/native.ts names them. */
export function runTask(kernel: i32, args: usize, task: i32, scratch: usize): void {
  switch (kernel) {
    case 0:
      return convolve(args, task, scratch);
    case 1:
      return filterGradient(args, task, scratch);
    case 2:
      return product(args, task, scratch);
    case 3:
      return sumRows(args, task, scratch);
    case 4:
      return permute(args, task, scratch);
    case 5:
      return density(args, task, scratch);
    case 6:
      return densityGradient(args, task, scratch);
    case 7:
      return rectifierGradient(args, task, scratch);
    case 8:
      return adamw(args, task, scratch);
    case 9:
      return unary(args, task, scratch);
    case 10:
      return binary(args, task, scratch);
    case 11:
      return rowNorm(args, task, scratch);
    case 12:
      return timeNorm(args, task, scratch);
    case 13:
      return attention(args, task, scratch);
    case 14:
      return multiplyAdds(args, task, scratch);
    case 15:
      return attentionGradient(args, task, scratch);
    case 16:
      return rotary(args, task, scratch);
  }
}
