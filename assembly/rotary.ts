/** Rotary positions of Llama's queries and keys. */
import { loadLanes, storeLanes } from "./layout";

/** Rows of one task. */
export const ROTARY_ROWS: i32 = 16;

/**
 * y = x · cos + (x with the halves of a head exchanged) · sin. Arguments: x, cos, sin [tokens, d], y [rows, heads, d], rows, tokens, heads, d;
 * rows are the tokens of one item after the other.
 */
export function rotary(args: usize, task: i32, _scratch: usize): void {
  const rows = load<i32>(args, 16), tokens = load<i32>(args, 20), heads = load<i32>(args, 24), d = load<i32>(args, 28);
  const half = 2 * <usize>d, head = 4 * <usize>d;
  for (let row = task * ROTARY_ROWS; row < min((task + 1) * ROTARY_ROWS, rows); row++) {
    const table = head * (row % tokens), cos = load<usize>(args, 4) + table, sin = load<usize>(args, 8) + table;
    const at = head * heads * row;
    let x = load<usize>(args) + at, y = load<usize>(args, 12) + at;
    for (let h = 0; h < heads; h++, x += head, y += head) {
      turn(x, x + half, cos, sin, y, d >> 1);
      turn(x + half, x, cos + half, sin + half, y + half, d >> 1);
    }
  }
}

// @ts-ignore: decorator
@inline
function turn(x: usize, other: usize, cos: usize, sin: usize, y: usize, count: i32): void {
  for (let at: usize = 0; count > 0; count -= 4, at += 16) {
    const kept = f32x4.mul(loadLanes(x + at, count), loadLanes(cos + at, count));
    storeLanes(y + at, f32x4.add(kept, f32x4.mul(loadLanes(other + at, count), loadLanes(sin + at, count))), count);
  }
}
