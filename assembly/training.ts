/** What remains of a training step: the gradient of bias and ReLU, and the optimiser. */
import { loadLanes, storeLanes } from "./layout";

/** Floats of one task of `adamw`. */
export const PART: i32 = 8192;

/** Columns of one task of `rectifierGradient`: a cache line. */
export const CHANNELS: i32 = 16;

/**
 * g = dy where y > 0, and its sums over rows in runs of 64, for 16 columns. Arguments: dy, y, g, sums, rows, columns.
 */
export function rectifierGradient(args: usize, task: i32, _scratch: usize): void {
  const dy = load<usize>(args), y = load<usize>(args, 4), g = load<usize>(args, 8), sums = load<usize>(args, 12);
  const rows = load<i32>(args, 16), columns = load<i32>(args, 20), stride = 4 * <usize>columns;
  const from = CHANNELS * task, end = min(from + CHANNELS, columns), zero = f32x4.splat(0);
  if (end - from < CHANNELS) {
    for (let c = from; c < end; c += 4) {
      let at = 4 * <usize>c, total = zero;
      for (let r = 0; r < rows; ) {
        let sum = zero;
        for (const stop = min(r + 64, rows); r < stop; r++, at += stride) {
          const v = v128.and(loadLanes(dy + at, end - c), f32x4.gt(loadLanes(y + at, end - c), zero));
          storeLanes(g + at, v, end - c);
          sum = f32x4.add(sum, v);
        }
        total = f32x4.add(total, sum);
      }
      storeLanes(sums + 4 * <usize>c, total, end - c);
    }
    return;
  }
  let at = 4 * <usize>from;
  let total0 = zero, total1 = zero, total2 = zero, total3 = zero;
  for (let r = 0; r < rows; ) {
    let sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero;
    for (const stop = min(r + 64, rows); r < stop; r++, at += stride) {
      const u = dy + at, w = y + at, to = g + at;
      const v0 = v128.and(v128.load(u), f32x4.gt(v128.load(w), zero));
      const v1 = v128.and(v128.load(u, 16), f32x4.gt(v128.load(w, 16), zero));
      const v2 = v128.and(v128.load(u, 32), f32x4.gt(v128.load(w, 32), zero));
      const v3 = v128.and(v128.load(u, 48), f32x4.gt(v128.load(w, 48), zero));
      v128.store(to, v0), v128.store(to, v1, 16), v128.store(to, v2, 32), v128.store(to, v3, 48);
      sum0 = f32x4.add(sum0, v0), sum1 = f32x4.add(sum1, v1), sum2 = f32x4.add(sum2, v2), sum3 = f32x4.add(sum3, v3);
    }
    total0 = f32x4.add(total0, sum0), total1 = f32x4.add(total1, sum1);
    total2 = f32x4.add(total2, sum2), total3 = f32x4.add(total3, sum3);
  }
  const to = sums + 4 * <usize>from;
  v128.store(to, total0), v128.store(to, total1, 16), v128.store(to, total2, 32), v128.store(to, total3, 48);
}

/** Σ x² of `count` floats. */
export function sumOfSquares(x: usize, count: i32): f64 {
  let even = f64x2.splat(0), odd = even;
  for (; count > 0; count -= 4, x += 16) {
    const v = loadLanes(x, count);
    const low = f64x2.promote_low_f32x4(v), high = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 0, 1));
    even = f64x2.add(even, f64x2.mul(low, low)), odd = f64x2.add(odd, f64x2.mul(high, high));
  }
  const sum = f64x2.add(even, odd);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * One part of a parameter's AdamW step. Arguments: table, then as floats: gradient scale, beta1, beta2, 1 − beta1, 1 − beta2,
 * 1 − learning rate · decay, −learning rate / (1 − beta1^t), 1 / sqrt(1 − beta2^t), epsilon. A row of the table, 32 bytes: parameter, gradient,
 * mean, variance, new parameter, new mean, new variance, count.
 */
export function adamw(args: usize, task: i32, _scratch: usize): void {
  const row = load<usize>(args) + 32 * <usize>task;
  const p = load<usize>(row), g = load<usize>(row, 4), m = load<usize>(row, 8), v = load<usize>(row, 12);
  const pOut = load<usize>(row, 16), mOut = load<usize>(row, 20), vOut = load<usize>(row, 24), count = load<i32>(row, 28);
  const scale = v128.load32_splat(args, 4), beta1 = v128.load32_splat(args, 8), beta2 = v128.load32_splat(args, 12);
  const fresh1 = v128.load32_splat(args, 16), fresh2 = v128.load32_splat(args, 20), keep = v128.load32_splat(args, 24);
  const rate = v128.load32_splat(args, 28), correction = v128.load32_splat(args, 32), epsilon = v128.load32_splat(args, 36);
  for (let i = 0; i < count; i += 4) {
    const at = 4 * <usize>i, lanes = count - i;
    const gradient = f32x4.mul(loadLanes(g + at, lanes), scale);
    const mean = f32x4.add(f32x4.mul(loadLanes(m + at, lanes), beta1), f32x4.mul(gradient, fresh1));
    const square = f32x4.mul(f32x4.mul(gradient, gradient), fresh2);
    const variance = f32x4.add(f32x4.mul(loadLanes(v + at, lanes), beta2), square);
    const denominator = f32x4.add(f32x4.mul(f32x4.sqrt(variance), correction), epsilon);
    const update = f32x4.div(f32x4.mul(mean, rate), denominator);
    storeLanes(mOut + at, mean, lanes), storeLanes(vOut + at, variance, lanes);
    storeLanes(pOut + at, f32x4.add(f32x4.mul(loadLanes(p + at, lanes), keep), update), lanes);
  }
}
