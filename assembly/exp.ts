/** exp of four floats, within 2 units in the last place: Cephes' expf. Below the smallest normal number the result is 0. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const least = f32x4.splat(-87.33654);
  const bounded = f32x4.min(f32x4.max(x, least), f32x4.splat(88.72283));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(1.44269504088896341)));
  // ln 2 in two parts, the first of few digits
  let r = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, least));
}

/** exp of x ≤ 0 as XNNPACK computes it for its softmax and sigmoid (rr2_p5); 0 below −87.34. */
// @ts-ignore: decorator
@inline
export function expNegative(x: v128): v128 {
  const magic = f32x4.splat(12583039);
  let n = f32x4.add(f32x4.mul(x, f32x4.splat(1.442695)), magic);
  const power = i32x4.shl(n, 23);
  n = f32x4.sub(n, magic);
  let t = f32x4.add(f32x4.mul(n, f32x4.splat(-0.69314575)), x);
  t = f32x4.add(f32x4.mul(n, f32x4.splat(-0.0000014286068)), t);
  let p = f32x4.add(f32x4.mul(f32x4.splat(0.008289291), t), f32x4.splat(0.041897822));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.16667652));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.4999915));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.9999997));
  t = f32x4.mul(t, power);
  return v128.andnot(f32x4.add(f32x4.mul(t, p), power), f32x4.lt(x, f32x4.splat(-87.33654)));
}
