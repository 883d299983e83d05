/**
 * Register tiles of a matrix product C (+)= A·B on float32. k runs innermost and in order, so that no digit depends on how a
 * product was cut into tasks. Strides are in bytes. Each accumulator is a local of its own: engines keep those in registers.
 * `add` adds to what C holds, after the sum over k.
 */

/** C[4×8], A in rows: its four rows `lda` apart, k contiguous; b[k][8]. */
export function rows4x8(a: usize, lda: usize, b: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
  const d = c + ldc, e = d + ldc, f = e + ldc;
  let c0 = f32x4.splat(0), c1 = c0, d0 = c0, d1 = c0, e0 = c0, e1 = c0, f0 = c0, f1 = c0;
  for (; k > 0; k--) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a1);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a2);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a3);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    b += 32, a += 4, a1 += 4, a2 += 4, a3 += 4;
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c)), c1 = f32x4.add(c1, v128.load(c, 16));
    d0 = f32x4.add(d0, v128.load(d)), d1 = f32x4.add(d1, v128.load(d, 16));
    e0 = f32x4.add(e0, v128.load(e)), e1 = f32x4.add(e1, v128.load(e, 16));
    f0 = f32x4.add(f0, v128.load(f)), f1 = f32x4.add(f1, v128.load(f, 16));
  }
  v128.store(c, c0), v128.store(c, c1, 16), v128.store(d, d0), v128.store(d, d1, 16);
  v128.store(e, e0), v128.store(e, e1, 16), v128.store(f, f0), v128.store(f, f1, 16);
}

/** C[2×12], A in rows; b[k][12]. */
export function rows2x12(a: usize, lda: usize, b: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  let a1 = a + lda;
  const d = c + ldc;
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, d0 = c0, d1 = c0, d2 = c0;
  for (; k > 0; k--, b += 48, a += 4, a1 += 4) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32);
    let s = v128.load32_splat(a);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1)), c2 = f32x4.add(c2, f32x4.mul(s, b2));
    s = v128.load32_splat(a1);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1)), d2 = f32x4.add(d2, f32x4.mul(s, b2));
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c)), c1 = f32x4.add(c1, v128.load(c, 16)), c2 = f32x4.add(c2, v128.load(c, 32));
    d0 = f32x4.add(d0, v128.load(d)), d1 = f32x4.add(d1, v128.load(d, 16)), d2 = f32x4.add(d2, v128.load(d, 32));
  }
  v128.store(c, c0), v128.store(c, c1, 16), v128.store(c, c2, 32);
  v128.store(d, d0), v128.store(d, d1, 16), v128.store(d, d2, 32);
}

/** C[8×4], A in rows; b[k][4]. */
export function rows8x4(a: usize, lda: usize, b: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda, a6 = a5 + lda, a7 = a6 + lda;
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  const half = c + 4 * ldc;
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a), b0));
    c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(a1), b0));
    c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(a2), b0));
    c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(a3), b0));
    c4 = f32x4.add(c4, f32x4.mul(v128.load32_splat(a4), b0));
    c5 = f32x4.add(c5, f32x4.mul(v128.load32_splat(a5), b0));
    c6 = f32x4.add(c6, f32x4.mul(v128.load32_splat(a6), b0));
    c7 = f32x4.add(c7, f32x4.mul(v128.load32_splat(a7), b0));
    b += 16, a += 4, a1 += 4, a2 += 4, a3 += 4, a4 += 4, a5 += 4, a6 += 4, a7 += 4;
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c)), c1 = f32x4.add(c1, v128.load(c + ldc));
    c2 = f32x4.add(c2, v128.load(c + 2 * ldc)), c3 = f32x4.add(c3, v128.load(c + 3 * ldc));
    c4 = f32x4.add(c4, v128.load(half)), c5 = f32x4.add(c5, v128.load(half + ldc));
    c6 = f32x4.add(c6, v128.load(half + 2 * ldc)), c7 = f32x4.add(c7, v128.load(half + 3 * ldc));
  }
  v128.store(c, c0), v128.store(c + ldc, c1), v128.store(c + 2 * ldc, c2), v128.store(c + 3 * ldc, c3);
  v128.store(half, c4), v128.store(half + ldc, c5), v128.store(half + 2 * ldc, c6), v128.store(half + 3 * ldc, c7);
}

/** C[4×8], A in columns: its four rows contiguous, k `lda` apart. */
export function columns4x8(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  const d = c + ldc, e = d + ldc, f = e + ldc;
  let c0 = f32x4.splat(0), c1 = c0, d0 = c0, d1 = c0, e0 = c0, e1 = c0, f0 = c0, f1 = c0;
  for (; k > 0; k--) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 4);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 8);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 12);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    b += ldb, a += lda;
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c)), c1 = f32x4.add(c1, v128.load(c, 16));
    d0 = f32x4.add(d0, v128.load(d)), d1 = f32x4.add(d1, v128.load(d, 16));
    e0 = f32x4.add(e0, v128.load(e)), e1 = f32x4.add(e1, v128.load(e, 16));
    f0 = f32x4.add(f0, v128.load(f)), f1 = f32x4.add(f1, v128.load(f, 16));
  }
  v128.store(c, c0), v128.store(c, c1, 16), v128.store(d, d0), v128.store(d, d1, 16);
  v128.store(e, e0), v128.store(e, e1, 16), v128.store(f, f0), v128.store(f, f1, 16);
}

/** C[4×4], A in columns. */
export function columns4x4(a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  const d = c + ldc, e = d + ldc, f = e + ldc;
  let c0 = f32x4.splat(0), d0 = c0, e0 = c0, f0 = c0;
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a), b0));
    d0 = f32x4.add(d0, f32x4.mul(v128.load32_splat(a, 4), b0));
    e0 = f32x4.add(e0, f32x4.mul(v128.load32_splat(a, 8), b0));
    f0 = f32x4.add(f0, f32x4.mul(v128.load32_splat(a, 12), b0));
    b += ldb, a += lda;
  }
  if (add) {
    c0 = f32x4.add(c0, v128.load(c)), d0 = f32x4.add(d0, v128.load(d));
    e0 = f32x4.add(e0, v128.load(e)), f0 = f32x4.add(f0, v128.load(f));
  }
  v128.store(c, c0), v128.store(d, d0), v128.store(e, e0), v128.store(f, f0);
}

/**
 * C[4×8] of packed operands a[k][4], b[k][8], eight steps a turn; what C holds is left out (`held` 0), added after
 * the sum over k (1), or what the sum begins with (2). The exits between them are more than the loop's end: without a branch
 * V8 loads the operands of all steps first, and runs out of registers.
 */
export function packed4x8(a: usize, b: usize, c: usize, ldc: usize, k: i32, held: i32): void {
  const d = c + ldc, e = d + ldc, f = e + ldc;
  let c0 = f32x4.splat(0), c1 = c0, d0 = c0, d1 = c0, e0 = c0, e1 = c0, f0 = c0, f1 = c0;
  if (held == 2) {
    c0 = v128.load(c), c1 = v128.load(c, 16), d0 = v128.load(d), d1 = v128.load(d, 16);
    e0 = v128.load(e), e1 = v128.load(e, 16), f0 = v128.load(f), f1 = v128.load(f, 16);
  }
  let b0 = c0, b1 = c0, s = c0;
  for (; k > 0; k -= 8, a += 128, b += 256) {
    b0 = v128.load(b, 0), b1 = v128.load(b, 16);
    s = v128.load32_splat(a, 0);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 4);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 8);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 12);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 1) break;
    b0 = v128.load(b, 32), b1 = v128.load(b, 48);
    s = v128.load32_splat(a, 16);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 20);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 24);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 28);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 2) break;
    b0 = v128.load(b, 64), b1 = v128.load(b, 80);
    s = v128.load32_splat(a, 32);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 36);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 40);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 44);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 3) break;
    b0 = v128.load(b, 96), b1 = v128.load(b, 112);
    s = v128.load32_splat(a, 48);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 52);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 56);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 60);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 4) break;
    b0 = v128.load(b, 128), b1 = v128.load(b, 144);
    s = v128.load32_splat(a, 64);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 68);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 72);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 76);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 5) break;
    b0 = v128.load(b, 160), b1 = v128.load(b, 176);
    s = v128.load32_splat(a, 80);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 84);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 88);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 92);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 6) break;
    b0 = v128.load(b, 192), b1 = v128.load(b, 208);
    s = v128.load32_splat(a, 96);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 100);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 104);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 108);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
    if (k == 7) break;
    b0 = v128.load(b, 224), b1 = v128.load(b, 240);
    s = v128.load32_splat(a, 112);
    c0 = f32x4.add(c0, f32x4.mul(s, b0)), c1 = f32x4.add(c1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 116);
    d0 = f32x4.add(d0, f32x4.mul(s, b0)), d1 = f32x4.add(d1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 120);
    e0 = f32x4.add(e0, f32x4.mul(s, b0)), e1 = f32x4.add(e1, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 124);
    f0 = f32x4.add(f0, f32x4.mul(s, b0)), f1 = f32x4.add(f1, f32x4.mul(s, b1));
  }
  if (held == 1) {
    c0 = f32x4.add(c0, v128.load(c)), c1 = f32x4.add(c1, v128.load(c, 16));
    d0 = f32x4.add(d0, v128.load(d)), d1 = f32x4.add(d1, v128.load(d, 16));
    e0 = f32x4.add(e0, v128.load(e)), e1 = f32x4.add(e1, v128.load(e, 16));
    f0 = f32x4.add(f0, v128.load(f)), f1 = f32x4.add(f1, v128.load(f, 16));
  }
  v128.store(c, c0), v128.store(c, c1, 16), v128.store(d, d0), v128.store(d, d1, 16);
  v128.store(e, e0), v128.store(e, e1, 16), v128.store(f, f0), v128.store(f, f1, 16);
}
