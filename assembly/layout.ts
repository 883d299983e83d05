/** Sums over rows and transposes. */

/** Columns of one task of `sumRows`, rows of one task of `transpose`. */
export const LANES: i32 = 64;

/**
 * to[c] = Σ_r x[r][c] for 64 columns, in runs of 64 rows, so that the error grows with the runs and not with the rows.
 * Arguments: x, to, rows, columns.
 */
export function sumRows(args: usize, task: i32, _scratch: usize): void {
  const rows = load<i32>(args, 8), columns = load<i32>(args, 12);
  const from = task * LANES, end = min(from + LANES, columns);
  const stride = 4 * <usize>columns;
  let c = from;
  for (; c < end; c += 4) {
    let x = load<usize>(args) + 4 * <usize>c;
    const to = load<usize>(args, 4) + 4 * <usize>c;
    const vector = c + 4 <= end;
    let total = f32x4.splat(0);
    for (let r = 0; r < rows; ) {
      let sum = f32x4.splat(0);
      const stop = min(r + 64, rows);
      if (vector) for (; r < stop; r++, x += stride) sum = f32x4.add(sum, v128.load(x));
      else for (; r < stop; r++, x += stride) sum = f32x4.add(sum, loadLanes(x, end - c));
      total = f32x4.add(total, sum);
    }
    storeLanes(to, total, end - c);
  }
}

/** The first `lanes` of four floats, zeros behind them. */
// @ts-ignore: decorator
@inline
export function loadLanes(x: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(x);
  let v = f32x4.replace_lane(f32x4.splat(0), 0, load<f32>(x));
  if (lanes > 1) v = f32x4.replace_lane(v, 1, load<f32>(x, 4));
  if (lanes > 2) v = f32x4.replace_lane(v, 2, load<f32>(x, 8));
  return v;
}

// @ts-ignore: decorator
@inline
export function storeLanes(to: usize, value: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(to, value);
  else {
    store<f32>(to, f32x4.extract_lane(value, 0));
    if (lanes > 1) store<f32>(to, f32x4.extract_lane(value, 1), 4);
    if (lanes > 2) store<f32>(to, f32x4.extract_lane(value, 2), 8);
  }
}

/**
 * A permutation of axes, for one index of the first of the axes around. Arguments: x, to, inner rows, inner columns, bytes
 * between rows of x, bytes between columns of `to`, number of axes around, then for each of those: length, bytes between its
 * entries in x, in `to`. The inner matrix is transposed; where it has no columns (0), a row is a run of floats to copy.
 */
export function permute(args: usize, task: i32, scratch: usize): void {
  const rows = load<i32>(args, 8), columns = load<i32>(args, 12), rowStep = load<usize>(args, 16), columnStep = load<usize>(args, 20);
  const around = load<i32>(args, 24), axes = args + 28;
  let x = load<usize>(args), to = load<usize>(args, 4);
  if (around > 0) x += load<usize>(axes, 4) * task, to += load<usize>(axes, 8) * task;
  clear(scratch, around);
  for (;;) {
    if (columns == 0) copyRun(x, to, rows);
    else transpose(x, to, rows, columns, rowStep, columnStep);
    let axis = around - 1;
    for (; axis > 0; axis--) {
      const index = scratch + 4 * axis, entry = axes + 12 * axis, length = load<i32>(entry);
      x += load<usize>(entry, 4), to += load<usize>(entry, 8);
      const next = load<i32>(index) + 1;
      store<i32>(index, next == length ? 0 : next);
      if (next < length) break;
      x -= load<usize>(entry, 4) * length, to -= load<usize>(entry, 8) * length;
    }
    if (axis <= 0) return;
  }
}

export function copyRun(x: usize, to: usize, count: i32): void {
  for (; count >= 4; count -= 4, x += 16, to += 16) v128.store(to, v128.load(x));
  for (; count > 0; count--, x += 4, to += 4) store<f32>(to, load<f32>(x));
}

/**
 * Zeros. Neither this nor `copyRun` is one of WebAssembly's bulk operations: these check addresses against the size that their thread last
 * heard of, which for a moment is too small when another thread has grown the memory.
 */
export function clear(to: usize, count: i32): void {
  for (; count >= 4; count -= 4, to += 16) v128.store(to, i32x4.splat(0));
  for (; count > 0; count--, to += 4) store<i32>(to, 0);
}

/** to[c][r] = x[r][c]. */
function transpose(x: usize, to: usize, rows: i32, columns: i32, row: usize, column: usize): void {
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    const a = x + r * row, out = to + 4 * r;
    let c = 0;
    for (; c + 4 <= columns; c += 4) {
      const at = a + 4 * c, o = out + c * column;
      const p = v128.load(at), q = v128.load(at + row), s = v128.load(at + 2 * row), t = v128.load(at + 3 * row);
      const pq = v128.shuffle<f32>(p, q, 0, 4, 1, 5), st = v128.shuffle<f32>(s, t, 0, 4, 1, 5);
      const PQ = v128.shuffle<f32>(p, q, 2, 6, 3, 7), ST = v128.shuffle<f32>(s, t, 2, 6, 3, 7);
      v128.store(o, v128.shuffle<f32>(pq, st, 0, 1, 4, 5)), v128.store(o + column, v128.shuffle<f32>(pq, st, 2, 3, 6, 7));
      v128.store(o + 2 * column, v128.shuffle<f32>(PQ, ST, 0, 1, 4, 5));
      v128.store(o + 3 * column, v128.shuffle<f32>(PQ, ST, 2, 3, 6, 7));
    }
    for (; c < columns; c++)
      for (let i = 0; i < 4; i++) store<f32>(out + c * column + 4 * i, load<f32>(a + i * row + 4 * c));
  }
  for (; r < rows; r++) for (let c = 0; c < columns; c++) store<f32>(to + c * column + 4 * r, load<f32>(x + r * row + 4 * c));
}
