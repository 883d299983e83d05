/** Elementary functions, which tfjs's wasm backend computes one number at a time. */
import { exp, expNegative } from "./exp";
import { loadLanes, storeLanes } from "./layout";

/** Floats of one task. */
export const SPAN: i32 = 8192;

/** y = f(x). Arguments: x, y, count, function: 0 exp, 1 tanh, 2 erf, 3 x Φ(x), 4 x σ(x). */
export function unary(args: usize, task: i32, _scratch: usize): void {
  const first = task * SPAN, count = min(SPAN, load<i32>(args, 8) - first);
  const x = load<usize>(args) + 4 * <usize>first, y = load<usize>(args, 4) + 4 * <usize>first;
  switch (load<i32>(args, 12)) {
    case 0:
      return each(0, x, y, count);
    case 1:
      return each(1, x, y, count);
    case 2:
      return each(2, x, y, count);
    case 3:
      return each(3, x, y, count);
    default:
      return each(4, x, y, count);
  }
}

/** A loop of its own for each function, without a question in it. */
// @ts-ignore: decorator
@inline
function each(which: i32, x: usize, y: usize, count: i32): void {
  for (; count >= 4; count -= 4, x += 16, y += 16) v128.store(y, apply(which, v128.load(x)));
  if (count > 0) storeLanes(y, apply(which, loadLanes(x, count)), count);
}

// @ts-ignore: decorator
@inline
function apply(which: i32, x: v128): v128 {
  if (which == 0) return exp(x);
  if (which == 1) return tanh(x);
  if (which == 2) return erf(x);
  if (which == 4) return f32x4.mul(x, sigmoid(x));
  const phi = f32x4.mul(f32x4.add(erf(f32x4.mul(x, f32x4.splat(0.7071067811865476))), f32x4.splat(1)), f32x4.splat(0.5));
  return f32x4.mul(x, phi);
}

/** With the digits of XNNPACK's: by exp of −|x|. */
// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1), e = expNegative(f32x4.neg(f32x4.abs(x))), below = f32x4.div(e, f32x4.add(e, one));
  return v128.bitselect(below, f32x4.sub(one, below), i32x4.shr_s(x, 31));
}

/** Cephes' tanhf: a polynomial near 0, by exp elsewhere. */
// @ts-ignore: decorator
@inline
function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x), size = f32x4.abs(x), one = f32x4.splat(1);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  p = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  const doubled = f32x4.min(f32x4.add(size, size), f32x4.splat(40));
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exp(doubled), one)));
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)));
  return v128.bitselect(p, signed, f32x4.lt(size, f32x4.splat(0.625)));
}

/** A ratio of polynomials on ±4, where erf rounds to ±1 (as in Eigen); error below 4e-7. */
// @ts-ignore: decorator
@inline
function erf(given: v128): v128 {
  const x = f32x4.min(f32x4.max(given, f32x4.splat(-4)), f32x4.splat(4)), z = f32x4.mul(x, x);
  let p = f32x4.splat(-2.72614225801306e-10);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.77068142495902e-8));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.10102402082508e-6));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.69250639462346e-5));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-7.34990630326855e-4));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.95459980854025e-3));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-1.60960333262415e-2));
  let q = f32x4.splat(-1.45660718464996e-5);
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-2.13374055278905e-4));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-1.68282697438203e-3));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-7.37332916720468e-3));
  q = f32x4.add(f32x4.mul(q, z), f32x4.splat(-1.42647390514189e-2));
  return f32x4.div(f32x4.mul(x, p), q);
}
