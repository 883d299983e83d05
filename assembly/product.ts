/** Products of matrices op(A)·op(B), batched. */
import { clear, copyRun } from "./layout";
import { packed4x8 } from "./tiles";

/** Rows and columns of C of one task. */
export const ROWS: i32 = 128;
export const COLUMNS: i32 = 256;
/** Products summed before they are added to C. */
const DEPTH: i32 = 512;

/** Bytes of scratch of one thread: a panel of B, a block of A, an edge tile. */
export const PRODUCT_SCRATCH: i32 = 4 * DEPTH * (8 + ROWS) + 128;

/**
 * One block of C[m×n] = relu?(op(A)·op(B) + bias).
 * Arguments: table of a batch's addresses (A, B in turn), C, batch, m, n, k, transpose A (A is [k×m]), transpose B (B is [n×k]),
 * bias[n] or 0, ReLU, floats from row to row of A (unless A is transposed), whether sums over k go on in one chain, as XNNPACK's do,
 * instead of beginning anew every `DEPTH`.
 */
export function product(args: usize, task: i32, scratch: usize): void {
  const table = load<usize>(args), m = load<i32>(args, 12), n = load<i32>(args, 16), k = load<i32>(args, 20);
  const transposeA = load<i32>(args, 24) != 0, transposeB = load<i32>(args, 28) != 0, bias = load<usize>(args, 32), relu = load<i32>(args, 36) != 0;
  const lda = 4 * <usize>load<i32>(args, 40), chain = load<i32>(args, 44) != 0;
  const down = (m + ROWS - 1) / ROWS, across = (n + COLUMNS - 1) / COLUMNS;
  const batch = task / (down * across), block = task % (down * across);
  const a = load<usize>(table + 8 * batch), b = load<usize>(table + 8 * batch, 4);
  const c = load<usize>(args, 4) + 4 * <usize>batch * (m * n);
  const top = (block / across) * ROWS, bottom = min(top + ROWS, m);
  const left = (block % across) * COLUMNS, right = min(left + COLUMNS, n);
  const ldb = 4 * <usize>(transposeB ? k : n), ldc = 4 * <usize>n;
  const rows = transposeA ? a + 4 * <usize>top : a + <usize>top * lda, columns = transposeB ? b + <usize>left * ldb : b + 4 * <usize>left;
  multiply(
    rows, transposeA ? 4 * <usize>m : lda, transposeA, columns, ldb, transposeB,
    c + <usize>top * ldc + 4 * <usize>left, ldc, bottom - top, right - left, k, chain, scratch,
  );
  if (bias) for (let i = top; i < bottom; i++) addRow(c + <usize>i * ldc + 4 * left, bias + 4 * left, right - left);
  if (relu) for (let i = top; i < bottom; i++) rectifyRow(c + <usize>i * ldc + 4 * left, right - left);
}

/**
 * C[m×n] = op(A)·op(B) of at most `ROWS` rows, their rows `lda`, `ldb` and `ldc` bytes apart; a transposed A is [k×m], a transposed B [n×k].
 * Needs `PRODUCT_SCRATCH` bytes.
 */
export function multiply(
  a: usize, lda: usize, transposeA: bool, b: usize, ldb: usize, transposeB: bool, c: usize, ldc: usize,
  m: i32, n: i32, k: i32, chain: bool, scratch: usize,
): void {
  const panel = scratch, packed = panel + 32 * DEPTH, edge = packed + 4 * ROWS * DEPTH;
  for (let from = 0; from < k; from += DEPTH) {
    const deep = min(DEPTH, k - from), held = from == 0 ? 0 : chain ? 2 : 1;
    const quad = 16 * <usize>deep;
    for (let i = 0, to = packed; i < m; i += 4, to += quad) {
      const high = min(4, m - i);
      if (transposeA) packRows(a + <usize>from * lda + 4 * i, lda, high, 16, deep, to);
      else packTransposed(a + <usize>i * lda + 4 * <usize>from, lda, high, deep, to, 16);
    }
    for (let j = 0; j < n; j += 8) {
      const wide = min(8, n - j);
      if (transposeB) {
        const row = b + <usize>j * ldb + 4 * <usize>from;
        packTransposed(row, ldb, min(wide, 4), deep, panel, 32);
        if (wide > 4) packTransposed(row + 4 * ldb, ldb, wide - 4, deep, panel + 16, 32);
      } else packRows(b + <usize>from * ldb + 4 * j, ldb, wide, 32, deep, panel);
      for (let i = 0, quads = packed; i < m; i += 4, quads += quad) {
        const high = min(4, m - i);
        const out = c + <usize>i * ldc + 4 * j;
        if (high == 4 && wide == 8) packed4x8(quads, panel, out, ldc, deep, held);
        else {
          if (held) copyEdge(out, ldc, edge, 32, high, wide);
          packed4x8(quads, panel, edge, 32, deep, held);
          copyEdge(edge, 32, out, ldc, high, wide);
        }
      }
    }
  }
  if (k == 0) for (let i = 0; i < m; i++) clear(c + <usize>i * ldc, n);
}

/** panel[k] of rows of a matrix, `step` bytes apart: `wide` of its columns. */
export function packRows(from: usize, ld: usize, wide: i32, step: usize, deep: i32, panel: usize): void {
  if (wide == 8) for (; deep > 0; deep--, from += ld, panel += step) v128.store(panel, v128.load(from)), v128.store(panel, v128.load(from, 16), 16);
  else if (wide == 4) for (; deep > 0; deep--, from += ld, panel += step) v128.store(panel, v128.load(from));
  else for (; deep > 0; deep--, from += ld, panel += step) copyRun(from, panel, wide);
}

/** Four lanes of panel[k], `step` bytes apart, of columns of a matrix, given as `wide` rows of its transpose. Lanes beyond repeat the last row. */
export function packTransposed(b0: usize, ld: usize, wide: i32, deep: i32, to: usize, step: usize): void {
  const b1 = b0 + ld * min(1, wide - 1), b2 = b0 + ld * min(2, wide - 1), b3 = b0 + ld * min(3, wide - 1);
  let k = 0;
  for (; k + 4 <= deep; k += 4) {
    const at = 4 * <usize>k;
    const p = v128.load(b0 + at), q = v128.load(b1 + at), r = v128.load(b2 + at), s = v128.load(b3 + at);
    const pq = v128.shuffle<f32>(p, q, 0, 4, 1, 5), rs = v128.shuffle<f32>(r, s, 0, 4, 1, 5);
    const PQ = v128.shuffle<f32>(p, q, 2, 6, 3, 7), RS = v128.shuffle<f32>(r, s, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(pq, rs, 0, 1, 4, 5)), to += step;
    v128.store(to, v128.shuffle<f32>(pq, rs, 2, 3, 6, 7)), to += step;
    v128.store(to, v128.shuffle<f32>(PQ, RS, 0, 1, 4, 5)), to += step;
    v128.store(to, v128.shuffle<f32>(PQ, RS, 2, 3, 6, 7)), to += step;
  }
  for (; k < deep; k++, to += step) {
    const at = 4 * <usize>k;
    store<f32>(to, load<f32>(b0 + at)), store<f32>(to, load<f32>(b1 + at), 4);
    store<f32>(to, load<f32>(b2 + at), 8), store<f32>(to, load<f32>(b3 + at), 12);
  }
}

/** `high` rows of `wide` floats. */
export function copyEdge(from: usize, ldFrom: usize, to: usize, ldTo: usize, high: i32, wide: i32): void {
  for (; high > 0; high--, from += ldFrom, to += ldTo) copyRun(from, to, wide);
}

function addRow(to: usize, row: usize, count: i32): void {
  for (; count >= 4; count -= 4, to += 16, row += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(row)));
  for (; count > 0; count--, to += 4, row += 4) store<f32>(to, load<f32>(to) + load<f32>(row));
}

function rectifyRow(to: usize, count: i32): void {
  for (; count >= 4; count -= 4, to += 16) v128.store(to, f32x4.max(v128.load(to), f32x4.splat(0)));
  for (; count > 0; count--, to += 4) store<f32>(to, max<f32>(load<f32>(to), 0));
}
