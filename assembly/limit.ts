/** What the machine can: multiply-adds that wait for nothing. */
import { clear } from "./layout";
import { packed4x8 } from "./tiles";

/** Multiply-adds into each sum of one round: operands stay in the first cache. */
export const DEEP: i32 = 512;
/** Bytes of scratch of one thread. */
export const LIMIT_SCRATCH: i32 = 4 * 12 * DEEP;

/**
 * Products of ones by the register tile that is quickest here, operands at hand: sums in registers alone, without loads between them, wait
 * for each other. Arguments: y[tasks, 4, 8], rounds (at most 32768: a sum of ones is exact below 2²⁴). Every number of y counts the
 * multiply-adds that went into it.
 */
export function multiplyAdds(args: usize, task: i32, scratch: usize): void {
  const y = load<usize>(args) + 128 * <usize>task;
  for (let at = 0; at < LIMIT_SCRATCH; at += 16) v128.store(scratch + at, f32x4.splat(1));
  clear(y, 32);
  for (let rounds = load<i32>(args, 4); rounds > 0; rounds--) packed4x8(scratch, scratch + 16 * DEEP, y, 32, DEEP, 1);
}
