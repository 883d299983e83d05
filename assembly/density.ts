/** Density adaptive attention over the layers of a head (src/attention/density.ts has the formulas). */
import { exp } from "./exp";
import { loadLanes, storeLanes } from "./layout";

/** Features of one task of the gradient: a cache line. */
export const FEATURES: i32 = 16;

/** 1e-8 of the variance, 1e-5 of the normalisation. */
const EPSILON: f32 = 1e-8 + 1e-5;

/** Mean over the layers of four features. */
// @ts-ignore: decorator
@inline
function meanOf(x: usize, stride: usize, layers: i32, lanes: i32): v128 {
  let sum = f32x4.splat(0);
  for (let l = 0; l < layers; l++, x += stride) sum = f32x4.add(sum, loadLanes(x, lanes));
  return f32x4.div(sum, f32x4.splat(<f32>layers));
}

/** 1 / standard deviation about `mean`, in a second pass. */
// @ts-ignore: decorator
@inline
function precisionOf(x: usize, stride: usize, layers: i32, lanes: i32, mean: v128): v128 {
  let sum = f32x4.splat(0);
  for (let l = 0; l < layers; l++, x += stride) {
    const d = f32x4.sub(loadLanes(x, lanes), mean);
    sum = f32x4.add(sum, f32x4.mul(d, d));
  }
  const variance = f32x4.add(f32x4.div(sum, f32x4.splat(<f32>layers)), f32x4.splat(EPSILON));
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(variance));
}

/**
 * y = x · w of one item. Arguments: x[batch, heads · layers, features], offset and c[heads, features], y, heads, layers of a
 * head, features.
 */
export function density(args: usize, item: i32, _scratch: usize): void {
  const heads = load<i32>(args, 16), layers = load<i32>(args, 20), features = load<i32>(args, 24);
  const stride = 4 * <usize>features, head = stride * <usize>layers, start = head * <usize>(heads * item);
  for (let h = 0; h < heads; h++) {
    for (let f = 0; f < features; f += 4) {
      const lanes = features - f, at = start + h * head + 4 * <usize>f, own = h * stride + 4 * <usize>f;
      let x = load<usize>(args) + at, y = load<usize>(args, 12) + at;
      const mean = meanOf(x, stride, layers, lanes), precision = precisionOf(x, stride, layers, lanes, mean);
      const offset = loadLanes(load<usize>(args, 4) + own, lanes);
      const scale = f32x4.div(f32x4.splat(-0.5), loadLanes(load<usize>(args, 8) + own, lanes));
      for (let l = 0; l < layers; l++, x += stride, y += stride) {
        const v = loadLanes(x, lanes);
        const z = f32x4.mul(f32x4.sub(f32x4.sub(v, mean), offset), precision);
        storeLanes(y, f32x4.mul(v, exp(f32x4.mul(f32x4.mul(z, z), scale))), lanes);
      }
    }
  }
}

/**
 * The gradients of one head and 16 features. Arguments: dy, x, offset, c, dx, d offset, dc, batch, heads, layers of a head,
 * features.
 */
export function densityGradient(args: usize, task: i32, _scratch: usize): void {
  const batch = load<i32>(args, 28), heads = load<i32>(args, 32), layers = load<i32>(args, 36), features = load<i32>(args, 40);
  const chunks = (features + FEATURES - 1) / FEATURES, h = task / chunks, from = (task % chunks) * FEATURES;
  const stride = 4 * <usize>features, head = stride * <usize>layers;
  for (let f = from; f < min(from + FEATURES, features); f += 4) {
    const lanes = features - f, own = h * stride + 4 * <usize>f;
    const offset = loadLanes(load<usize>(args, 8) + own, lanes), c = loadLanes(load<usize>(args, 12) + own, lanes);
    const half = f32x4.div(f32x4.splat(0.5), c), scale = f32x4.neg(half), inverse = f32x4.add(half, half);
    let offsetSum = f32x4.splat(0), varianceSum = offsetSum;
    for (let b = 0; b < batch; b++) {
      const at = (b * heads + h) * head + 4 * <usize>f;
      const x = load<usize>(args, 4) + at, dy = load<usize>(args) + at, dx = load<usize>(args, 16) + at;
      const mean = meanOf(x, stride, layers, lanes), precision = precisionOf(x, stride, layers, lanes, mean);
      let tSum = f32x4.splat(0), szSum = tSum;
      for (let l = 0; l < head; l += stride) {
        const v = loadLanes(x + l, lanes);
        const z = f32x4.mul(f32x4.sub(f32x4.sub(v, mean), offset), precision);
        const dyw = f32x4.mul(loadLanes(dy + l, lanes), exp(f32x4.mul(f32x4.mul(z, z), scale)));
        const s = f32x4.mul(f32x4.mul(f32x4.mul(dyw, v), z), inverse), t = f32x4.mul(s, precision);
        tSum = f32x4.add(tSum, t), szSum = f32x4.add(szSum, f32x4.mul(s, z));
        storeLanes(dx + l, f32x4.sub(dyw, t), lanes);
      }
      const share = f32x4.splat(<f32>1 / <f32>layers), level = f32x4.mul(tSum, share);
      const spread = f32x4.mul(f32x4.mul(szSum, share), f32x4.mul(precision, precision));
      for (let l = 0; l < head; l += stride) {
        const d = f32x4.sub(loadLanes(x + l, lanes), mean);
        storeLanes(dx + l, f32x4.add(loadLanes(dx + l, lanes), f32x4.add(level, f32x4.mul(spread, d))), lanes);
      }
      offsetSum = f32x4.add(offsetSum, tSum), varianceSum = f32x4.add(varianceSum, szSum);
    }
    storeLanes(load<usize>(args, 20) + own, offsetSum, lanes);
    storeLanes(load<usize>(args, 24) + own, f32x4.mul(varianceSum, half), lanes);
  }
}
