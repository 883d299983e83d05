/** Sums, differences and products of two tensors with broadcasting, which tfjs's wasm backend computes on one thread. */
import { loadLanes, storeLanes } from "./layout";

/** Floats of one task. */
export const STRETCH: i32 = 16384;

/**
 * y = a + b (operation 0), a − b (1) or a · b (2).
 * Arguments: a, b, y, operation, floats of a run, steps of a and b in it (0 or 1), axes around it, and of each, outermost first, its
 * length and the strides of a and b in bytes. Runs lie one after the other in y.
 */
export function binary(args: usize, task: i32, _scratch: usize): void {
  const operation = load<i32>(args, 12), run = load<i32>(args, 16);
  const stepA = load<i32>(args, 20), stepB = load<i32>(args, 24), rank = load<i32>(args, 28);
  let count = run;
  for (let axis = 0; axis < rank; axis++) count *= load<i32>(args + 32 + 12 * axis);
  const end = min((task + 1) * STRETCH, count);
  for (let at = task * STRETCH; at < end; ) {
    const within = at % run, length = min(run - within, end - at);
    let index = at / run;
    let a = load<usize>(args) + 4 * <usize>(within * stepA), b = load<usize>(args, 4) + 4 * <usize>(within * stepB);
    for (let axis = args + 32 + 12 * (rank - 1); axis >= args + 32; axis -= 12) {
      const position = index % load<i32>(axis);
      index /= load<i32>(axis);
      a += load<usize>(axis, 4) * position, b += load<usize>(axis, 8) * position;
    }
    combine(operation, a, stepA, b, stepB, load<usize>(args, 8) + 4 * <usize>at, length);
    at += length;
  }
}

function combine(operation: i32, a: usize, stepA: i32, b: usize, stepB: i32, y: usize, count: i32): void {
  const nextA = 16 * <usize>stepA, nextB = 16 * <usize>stepB;
  let p = v128.load32_splat(a), q = v128.load32_splat(b);
  for (; count >= 4; count -= 4, a += nextA, b += nextB, y += 16) {
    if (stepA) p = v128.load(a);
    if (stepB) q = v128.load(b);
    v128.store(y, apply(operation, p, q));
  }
  if (count == 0) return;
  if (stepA) p = loadLanes(a, count);
  if (stepB) q = loadLanes(b, count);
  storeLanes(y, apply(operation, p, q), count);
}

// @ts-ignore: decorator
@inline
function apply(operation: i32, p: v128, q: v128): v128 {
  return operation == 0 ? f32x4.add(p, q) : operation == 1 ? f32x4.sub(p, q) : f32x4.mul(p, q);
}
