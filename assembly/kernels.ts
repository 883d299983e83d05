import { convolve, filterGradient } from "./winograd";

/** Kernels by number, as `KERNELS` in src/backend/kernels.ts names them. */
export function runTask(kernel: i32, args: usize, task: i32, scratch: usize): void {
  switch (kernel) {
    case 0:
      return convolve(args, task, scratch);
    case 1:
      return filterGradient(args, task, scratch);
  }
}
