/**
 * Norms of encoders. Sums run through a row one number after the other, as those of tfjs's mean do: four rows, or four channels, are
 * the lanes of a vector.
 */

/** Rows of one task of `rowNorm`, channels of one of `timeNorm`. */
export const NORM_ROWS: i32 = 16;
export const NORM_CHANNELS: i32 = 32;

/**
 * Layer norm of rows (`centre` 1), or division by their root mean square (0).
 * Arguments: x, weight, bias or 0, y, rows, features, epsilon, centre.
 */
export function rowNorm(args: usize, task: i32, _scratch: usize): void {
  const rows = load<i32>(args, 16), features = load<i32>(args, 20);
  const bytes = 4 * <usize>features;
  const end = min((task + 1) * NORM_ROWS, rows);
  for (let row = task * NORM_ROWS; row < end; row += 4) {
    const x = load<usize>(args) + bytes * row, y = load<usize>(args, 12) + bytes * row;
    fourRows(args, x, y, features, min(4, end - row));
  }
}

function fourRows(args: usize, x0: usize, y: usize, features: i32, high: i32): void {
  const weight = load<usize>(args, 4), bias = load<usize>(args, 8), centre = load<i32>(args, 28) != 0;
  const bytes = 4 * <usize>features;
  const x1 = x0 + bytes * min(1, high - 1), x2 = x0 + bytes * min(2, high - 1), x3 = x0 + bytes * min(3, high - 1);
  const count = f32x4.splat(<f32>features);
  let mean = f32x4.splat(0);
  if (centre) mean = f32x4.div(sums(x0, x1, x2, x3, features, mean, false), count);
  const variance = f32x4.div(sums(x0, x1, x2, x3, features, mean, true), count);
  const scale = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, v128.load32_splat(args, 24))));
  scaleRow(x0, y, weight, bias, features, v128.shuffle<f32>(mean, mean, 0, 0, 0, 0), v128.shuffle<f32>(scale, scale, 0, 0, 0, 0));
  if (high > 1) scaleRow(x1, y + bytes, weight, bias, features, v128.shuffle<f32>(mean, mean, 1, 1, 1, 1), v128.shuffle<f32>(scale, scale, 1, 1, 1, 1));
  if (high > 2) scaleRow(x2, y + 2 * bytes, weight, bias, features, v128.shuffle<f32>(mean, mean, 2, 2, 2, 2), v128.shuffle<f32>(scale, scale, 2, 2, 2, 2));
  if (high > 3) scaleRow(x3, y + 3 * bytes, weight, bias, features, v128.shuffle<f32>(mean, mean, 3, 3, 3, 3), v128.shuffle<f32>(scale, scale, 3, 3, 3, 3));
}

/** Of four rows, a lane each: the sum of x, or of (x − mean)². */
function sums(x0: usize, x1: usize, x2: usize, x3: usize, features: i32, mean: v128, squared: bool): v128 {
  let sum = f32x4.splat(0);
  for (; features >= 4; features -= 4, x0 += 16, x1 += 16, x2 += 16, x3 += 16) {
    const p = v128.load(x0), q = v128.load(x1), r = v128.load(x2), s = v128.load(x3);
    const pq = v128.shuffle<f32>(p, q, 0, 4, 1, 5), rs = v128.shuffle<f32>(r, s, 0, 4, 1, 5);
    const PQ = v128.shuffle<f32>(p, q, 2, 6, 3, 7), RS = v128.shuffle<f32>(r, s, 2, 6, 3, 7);
    sum = f32x4.add(sum, term(v128.shuffle<f32>(pq, rs, 0, 1, 4, 5), mean, squared));
    sum = f32x4.add(sum, term(v128.shuffle<f32>(pq, rs, 2, 3, 6, 7), mean, squared));
    sum = f32x4.add(sum, term(v128.shuffle<f32>(PQ, RS, 0, 1, 4, 5), mean, squared));
    sum = f32x4.add(sum, term(v128.shuffle<f32>(PQ, RS, 2, 3, 6, 7), mean, squared));
  }
  for (; features > 0; features--, x0 += 4, x1 += 4, x2 += 4, x3 += 4) {
    let x = v128.load32_splat(x0);
    x = f32x4.replace_lane(x, 1, load<f32>(x1));
    x = f32x4.replace_lane(x, 2, load<f32>(x2));
    x = f32x4.replace_lane(x, 3, load<f32>(x3));
    sum = f32x4.add(sum, term(x, mean, squared));
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function term(x: v128, mean: v128, squared: bool): v128 {
  if (!squared) return x;
  const centred = f32x4.sub(x, mean);
  return f32x4.mul(centred, centred);
}

/** y = (x − mean) · scale · weight + bias along a row; `mean` and `scale` hold one number four times. */
function scaleRow(x: usize, y: usize, weight: usize, bias: usize, features: i32, mean: v128, scale: v128): void {
  for (; features >= 4; features -= 4, x += 16, y += 16, weight += 16) {
    let value = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(x), mean), scale), v128.load(weight));
    if (bias) value = f32x4.add(value, v128.load(bias)), bias += 16;
    v128.store(y, value);
  }
  const m = f32x4.extract_lane(mean, 0), s = f32x4.extract_lane(scale, 0);
  for (; features > 0; features--, x += 4, y += 4, weight += 4) {
    let value = (load<f32>(x) - m) * s * load<f32>(weight);
    if (bias) value += load<f32>(bias), bias += 4;
    store<f32>(y, value);
  }
}

/**
 * Group norm with as many groups as channels, for each item apart: every channel by its mean and variance over time.
 * Channels are a multiple of 4. Arguments: x, weight, bias, y, items, time, channels, epsilon.
 */
export function timeNorm(args: usize, task: i32, _scratch: usize): void {
  const time = load<i32>(args, 20), channels = load<i32>(args, 24);
  const across = (channels + NORM_CHANNELS - 1) / NORM_CHANNELS;
  const first = (task % across) * NORM_CHANNELS, end = min(first + NORM_CHANNELS, channels);
  const item = 4 * <usize>(task / across) * (time * channels), step = 4 * <usize>channels;
  const count = f32x4.splat(<f32>time);
  for (let c = first; c < end; c += 4) {
    const at = 4 * <usize>c, x = load<usize>(args) + item + at, y = load<usize>(args, 12) + item + at;
    let sum = f32x4.splat(0);
    for (let t = 0, from = x; t < time; t++, from += step) sum = f32x4.add(sum, v128.load(from));
    const mean = f32x4.div(sum, count);
    sum = f32x4.splat(0);
    for (let t = 0, from = x; t < time; t++, from += step) sum = f32x4.add(sum, term(v128.load(from), mean, true));
    const scale = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(f32x4.div(sum, count), v128.load32_splat(args, 28))));
    const weight = v128.load(load<usize>(args, 4) + at), bias = v128.load(load<usize>(args, 8) + at);
    for (let t = 0, from = x, to = y; t < time; t++, from += step, to += step)
      v128.store(to, f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(v128.load(from), mean), scale), weight), bias));
  }
}
