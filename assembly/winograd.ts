/**
 * 3×3 convolution, stride 1, 'same' padding, on NHWC images, by Winograd's F(2×2, 3×3) (Lavin and Gray, arXiv 1509.09308): 16
 * multiplications where the definition has 36. A tile is 2×2 output pixels and the 4×4 input pixels that they see; its 16
 * transformed positions are 16 independent matrix products over channels. All matrices hold 0, ±1 and ±½ only, so the error
 * stays near that of the definition. Channels go four to a vector; lanes beyond the last channel hold rubbish and are dropped.
 */
import { clear, storeLanes } from "./layout";
import { columns4x4, columns4x8, rows2x12, rows4x8, rows8x4 } from "./tiles";

/** Tiles of one task. */
export const BLOCK: i32 = 32;
/** Input channels whose products are summed before they go to memory. */
const DEPTH: i32 = 128;
/** Output channels that a task holds at once; four more at the end. */
const WIDTH: i32 = 32;

/** Bytes between the 16 positions of a block, beyond its own: at powers of two they would fall into the same cache lines. */
const SKEW: i32 = 64;

function padded(channels: i32): i32 {
  return (channels + 3) & ~3;
}

/** Bytes of one position of a block of `rows` rows. */
function positionBytes(rows: i32, columns: i32): i32 {
  return 4 * rows * columns + SKEW;
}

/** Bytes of scratch that `convolve` needs for one thread. */
export function convolveScratch(inputs: i32, outputs: i32): i32 {
  const depth = min(padded(inputs), DEPTH), width = min(padded(outputs), WIDTH + 4);
  return 64 + 4 * padded(inputs) + 16 * (positionBytes(BLOCK, depth) + positionBytes(BLOCK, width));
}

/** Bytes of scratch that `filterGradient` needs for one thread: `chunk` channels of the larger side, `small` of the other. */
export function filterGradientScratch(small: i32, large: i32, chunk: i32): i32 {
  const m = padded(small), n = padded(chunk);
  return 64 + 4 * padded(max(small, large)) + 16 * (positionBytes(BLOCK, m) + positionBytes(BLOCK, n) + 4 * m * n);
}

/** Columns of the panel of u that begins with column n: 8, or at the end 12; 4 where there are no more. */
function panelWidth(columns: i32, n: i32): i32 {
  const left = columns - n;
  return left == 12 || left == 4 ? left : 8;
}

/**
 * u[16][panel][k][panel's columns] = G g Gᵀ of every 3×3 filter in w[3][3][inputs][outputs]. k, n: input and output channels, or for
 * `rotate` (the gradient of the input) output and input channels, with the filter turned by 180°.
 */
export function transformFilter(w: usize, u: usize, inputs: i32, outputs: i32, rotate: bool): void {
  const depth = rotate ? outputs : inputs;
  const columns = rotate ? inputs : outputs;
  const across = padded(columns), position = 4 * <usize>(depth * across);
  const tap = <usize>(inputs * outputs) * 4;
  const start = rotate ? w + 8 * tap : w;
  const step = rotate ? 0 - tap : tap;
  for (let k = 0; k < depth; k++) {
    for (let n = 0; n < columns; n++) {
      let g = start + 4 * <usize>(rotate ? n * outputs + k : k * outputs + n);
      const eight = n & ~7, first = across > 4 && across - eight == 4 ? eight - 8 : eight, wide = panelWidth(across, first);
      let to = u + 4 * <usize>(first * depth + k * wide + n - first);
      // columns of g: t = G g, four rows of three
      let t0: f32 = 0, t1: f32 = 0, t2: f32 = 0, t3: f32 = 0;
      let l0: f32 = 0, l1: f32 = 0, l2: f32 = 0, l3: f32 = 0;
      let m0: f32 = 0, m1: f32 = 0, m2: f32 = 0, m3: f32 = 0;
      for (let s = 0; s < 3; s++, g += step) {
        const g0 = load<f32>(g), g1 = load<f32>(g + 3 * step), g2 = load<f32>(g + 6 * step);
        l0 = m0, l1 = m1, l2 = m2, l3 = m3;
        m0 = t0, m1 = t1, m2 = t2, m3 = t3;
        t0 = g0;
        t1 = <f32>0.5 * (g0 + g1 + g2);
        t2 = <f32>0.5 * (g0 - g1 + g2);
        t3 = g2;
      }
      to = filterRow(to, position, l0, m0, t0);
      to = filterRow(to, position, l1, m1, t1);
      to = filterRow(to, position, l2, m2, t2);
      filterRow(to, position, l3, m3, t3);
    }
  }
}

function filterRow(to: usize, position: usize, a: f32, b: f32, c: f32): usize {
  store<f32>(to, a);
  store<f32>(to + position, <f32>0.5 * (a + b + c));
  store<f32>(to + 2 * position, <f32>0.5 * (a - b + c));
  store<f32>(to + 3 * position, c);
  return to + 4 * position;
}

/** Where pixel (row, column) of an image starts; `zeros` outside it. */
function pixel(image: usize, row: i32, column: i32, height: i32, width: i32, bytes: usize, zeros: usize): usize {
  return row < 0 || row >= height || column < 0 || column >= width ? zeros : image + <usize>(row * width + column) * bytes;
}

/** v[16][tile][channels from … to] = Bᵀ d B of `count` tiles of x[batch, height, width, channels]. */
function inputTiles(
  x: usize, height: i32, width: i32, channels: i32, from: i32, to: i32,
  first: i32, count: i32, v: usize, row: usize, position: usize, table: usize, zeros: usize,
): void {
  const across = (width + 1) >> 1, perImage = ((height + 1) >> 1) * across;
  const bytes = <usize>channels * 4;
  for (let t = first; t < first + count; t++, v += row) {
    const image = x + <usize>(t / perImage) * (<usize>(height * width) * bytes);
    const top = 2 * ((t % perImage) / across) - 1, left = 2 * ((t % perImage) % across) - 1;
    for (let r = 0; r < 4; r++)
      for (let c = 0; c < 4; c++)
        store<usize>(table + 4 * (4 * r + c), pixel(image, top + r, left + c, height, width, bytes, zeros));
    let out = v;
    for (let at = <usize>from * 4; at < <usize>to * 4; at += 16, out += 16) {
      let a = v128.load(load<usize>(table) + at), b = v128.load(load<usize>(table, 16) + at);
      let c = v128.load(load<usize>(table, 32) + at), d = v128.load(load<usize>(table, 48) + at);
      const a0 = f32x4.sub(a, c), b0 = f32x4.add(b, c), c0 = f32x4.sub(c, b), d0 = f32x4.sub(b, d);
      a = v128.load(load<usize>(table, 4) + at), b = v128.load(load<usize>(table, 20) + at);
      c = v128.load(load<usize>(table, 36) + at), d = v128.load(load<usize>(table, 52) + at);
      const a1 = f32x4.sub(a, c), b1 = f32x4.add(b, c), c1 = f32x4.sub(c, b), d1 = f32x4.sub(b, d);
      a = v128.load(load<usize>(table, 8) + at), b = v128.load(load<usize>(table, 24) + at);
      c = v128.load(load<usize>(table, 40) + at), d = v128.load(load<usize>(table, 56) + at);
      const a2 = f32x4.sub(a, c), b2 = f32x4.add(b, c), c2 = f32x4.sub(c, b), d2 = f32x4.sub(b, d);
      a = v128.load(load<usize>(table, 12) + at), b = v128.load(load<usize>(table, 28) + at);
      c = v128.load(load<usize>(table, 44) + at), d = v128.load(load<usize>(table, 60) + at);
      const a3 = f32x4.sub(a, c), b3 = f32x4.add(b, c), c3 = f32x4.sub(c, b), d3 = f32x4.sub(b, d);
      let o = inputRow(out, position, a0, a1, a2, a3);
      o = inputRow(o, position, b0, b1, b2, b3);
      o = inputRow(o, position, c0, c1, c2, c3);
      inputRow(o, position, d0, d1, d2, d3);
    }
  }
}

// @ts-ignore: decorator
@inline
function inputRow(to: usize, position: usize, a: v128, b: v128, c: v128, d: v128): usize {
  v128.store(to, f32x4.sub(a, c));
  v128.store(to + position, f32x4.add(b, c));
  v128.store(to + 2 * position, f32x4.sub(c, b));
  v128.store(to + 3 * position, f32x4.sub(b, d));
  return to + 4 * position;
}

/** v[16][tile][channels from … to] = A g Aᵀ of `count` tiles of an output's gradient g[batch, height, width, channels]. */
function gradientTiles(
  g: usize, height: i32, width: i32, channels: i32, from: i32, to: i32,
  first: i32, count: i32, v: usize, row: usize, position: usize, zeros: usize,
): void {
  const across = (width + 1) >> 1, perImage = ((height + 1) >> 1) * across;
  const bytes = <usize>channels * 4;
  for (let t = first; t < first + count; t++, v += row) {
    const image = g + <usize>(t / perImage) * (<usize>(height * width) * bytes);
    const top = 2 * ((t % perImage) / across), left = 2 * ((t % perImage) % across);
    const p00 = pixel(image, top, left, height, width, bytes, zeros);
    const p01 = pixel(image, top, left + 1, height, width, bytes, zeros);
    const p10 = pixel(image, top + 1, left, height, width, bytes, zeros);
    const p11 = pixel(image, top + 1, left + 1, height, width, bytes, zeros);
    let out = v;
    for (let at = <usize>from * 4; at < <usize>to * 4; at += 16, out += 16) {
      const a = v128.load(p00 + at), b = v128.load(p01 + at), c = v128.load(p10 + at), d = v128.load(p11 + at);
      let o = gradientRow(out, position, a, b);
      o = gradientRow(o, position, f32x4.add(a, c), f32x4.add(b, d));
      o = gradientRow(o, position, f32x4.sub(a, c), f32x4.sub(b, d));
      gradientRow(o, position, f32x4.neg(c), f32x4.neg(d));
    }
  }
}

// @ts-ignore: decorator
@inline
function gradientRow(to: usize, position: usize, a: v128, b: v128): usize {
  v128.store(to, a);
  v128.store(to + position, f32x4.add(a, b));
  v128.store(to + 2 * position, f32x4.sub(a, b));
  v128.store(to + 3 * position, f32x4.neg(b));
  return to + 4 * position;
}

/** y = relu?(Aᵀ m A + bias) of `count` tiles, output channels from … to; m[16][tile][…]. */
function outputTiles(
  m: usize, row: usize, position: usize, bias: usize, relu: bool, y: usize,
  height: i32, width: i32, channels: i32, from: i32, to: i32, first: i32, count: i32,
): void {
  const across = (width + 1) >> 1, perImage = ((height + 1) >> 1) * across;
  const bytes = <usize>channels * 4;
  const zero = f32x4.splat(0);
  for (let t = first; t < first + count; t++, m += row) {
    const image = y + <usize>(t / perImage) * (<usize>(height * width) * bytes);
    const top = 2 * ((t % perImage) / across), left = 2 * ((t % perImage) % across);
    const corner = image + <usize>(top * width + left) * bytes;
    const right = left + 1 < width, below = top + 1 < height;
    for (let c = from, q = m; c < to; c += 4, q += 16) {
      let p = q;
      let a = v128.load(p), b = v128.load(p + position), d = v128.load(p + 2 * position), e = v128.load(p + 3 * position);
      let s0 = f32x4.add(f32x4.add(a, b), d), s1 = f32x4.sub(f32x4.sub(b, d), e);
      p += 4 * position;
      a = v128.load(p), b = v128.load(p + position), d = v128.load(p + 2 * position), e = v128.load(p + 3 * position);
      let u0 = f32x4.add(f32x4.add(a, b), d), u1 = f32x4.sub(f32x4.sub(b, d), e);
      let y00 = f32x4.add(s0, u0), y01 = f32x4.add(s1, u1), y10 = u0, y11 = u1;
      p += 4 * position;
      a = v128.load(p), b = v128.load(p + position), d = v128.load(p + 2 * position), e = v128.load(p + 3 * position);
      u0 = f32x4.add(f32x4.add(a, b), d), u1 = f32x4.sub(f32x4.sub(b, d), e);
      y00 = f32x4.add(y00, u0), y01 = f32x4.add(y01, u1), y10 = f32x4.sub(y10, u0), y11 = f32x4.sub(y11, u1);
      p += 4 * position;
      a = v128.load(p), b = v128.load(p + position), d = v128.load(p + 2 * position), e = v128.load(p + 3 * position);
      u0 = f32x4.add(f32x4.add(a, b), d), u1 = f32x4.sub(f32x4.sub(b, d), e);
      y10 = f32x4.sub(y10, u0), y11 = f32x4.sub(y11, u1);
      if (bias) {
        const add = v128.load(bias + 4 * <usize>c);
        y00 = f32x4.add(y00, add), y01 = f32x4.add(y01, add), y10 = f32x4.add(y10, add), y11 = f32x4.add(y11, add);
      }
      if (relu)
        y00 = f32x4.max(y00, zero), y01 = f32x4.max(y01, zero), y10 = f32x4.max(y10, zero), y11 = f32x4.max(y11, zero);
      const at = corner + 4 * <usize>c, lower = at + <usize>width * bytes, lanes = channels - c;
      storeLanes(at, y00, lanes);
      if (right) storeLanes(at + bytes, y01, lanes);
      if (below) storeLanes(lower, y10, lanes);
      if (below && right) storeLanes(lower + bytes, y11, lanes);
    }
  }
}

/**
 * One block of tiles of y = relu?(x ∗ w + bias).
 * Arguments: x, u (of `transformFilter`), bias or 0, y, batch, height, width, inputs, outputs, relu.
 */
export function convolve(args: usize, block: i32, scratch: usize): void {
  const x = load<usize>(args), u = load<usize>(args, 4), bias = load<usize>(args, 8), y = load<usize>(args, 12);
  const batch = load<i32>(args, 16), height = load<i32>(args, 20), width = load<i32>(args, 24);
  const inputs = load<i32>(args, 28), outputs = load<i32>(args, 32), relu = load<i32>(args, 36) != 0;
  const tiles = batch * ((height + 1) >> 1) * ((width + 1) >> 1);
  const first = block * BLOCK, count = min(BLOCK, tiles - first);
  const rows = (count + 7) & ~7;
  const columns = padded(outputs), depth = min(padded(inputs), DEPTH);
  const zeros = scratch + 64, v = zeros + 4 * <usize>padded(inputs), m = v + 16 * positionBytes(BLOCK, depth);
  clear(zeros, padded(inputs));
  const vRow = 4 * <usize>depth, vPosition: usize = positionBytes(BLOCK, depth), uPosition = 4 * <usize>(columns * inputs);
  for (let n = 0, wide = 0; n < columns; n += wide) {
    wide = columns - n <= WIDTH + 4 ? columns - n : WIDTH;
    const mRow = 4 * <usize>wide, mPosition: usize = positionBytes(BLOCK, wide);
    for (let k = 0; k < inputs; k += DEPTH) {
      const deep = min(DEPTH, inputs - k);
      if (n == 0 || inputs > DEPTH)
        inputTiles(x, height, width, inputs, k, k + deep, first, count, v, vRow, vPosition, scratch, zeros);
      for (let p: usize = 0; p < 16; p++) {
        const a = v + p * vPosition, b = u + p * uPosition, c = m + p * mPosition;
        for (let j = 0, panelled = 0; j < wide; j += panelled) {
          panelled = panelWidth(columns, n + j);
          const panel = b + 4 * <usize>((n + j) * inputs + panelled * k);
          const to = c + 4 * j;
          if (panelled == 8) for (let i = 0; i < rows; i += 4) rows4x8(a + i * vRow, vRow, panel, to + i * mRow, mRow, deep, k > 0);
          else if (panelled == 12) for (let i = 0; i < rows; i += 2) rows2x12(a + i * vRow, vRow, panel, to + i * mRow, mRow, deep, k > 0);
          else for (let i = 0; i < rows; i += 8) rows8x4(a + i * vRow, vRow, panel, to + i * mRow, mRow, deep, k > 0);
        }
      }
    }
    outputTiles(m, mRow, mPosition, bias, relu, y, height, width, outputs, n, min(n + wide, outputs), first, count);
  }
}

/**
 * The filter's gradient dw[3][3][inputs][outputs] for one chunk of the channels of the side that has more of them (`large`).
 * Arguments: small, large (x and the output's gradient, or the other way round), dw, batch, height, width, channels of small,
 * channels of large, chunk, whether small is x.
 */
export function filterGradient(args: usize, task: i32, scratch: usize): void {
  const small = load<usize>(args), large = load<usize>(args, 4), dw = load<usize>(args, 8);
  const batch = load<i32>(args, 12), height = load<i32>(args, 16), width = load<i32>(args, 20);
  const ms = load<i32>(args, 24), ns = load<i32>(args, 28), chunk = load<i32>(args, 32), smallIsInput = load<i32>(args, 36) != 0;
  const tiles = batch * ((height + 1) >> 1) * ((width + 1) >> 1);
  const from = task * chunk, to = min(from + chunk, ns);
  const m = padded(ms), n = padded(to - from);
  const aRow = 4 * <usize>m, bRow = 4 * <usize>n, position = bRow * m;
  const aPosition: usize = positionBytes(BLOCK, m), bPosition: usize = positionBytes(BLOCK, n);
  const zeroBytes = 4 * <usize>padded(max(ms, ns));
  const zeros = scratch + 64, a = zeros + zeroBytes, b = a + 16 * aPosition, sum = b + 16 * bPosition;
  clear(zeros, <i32>(zeroBytes / 4));
  for (let first = 0; first < tiles; first += BLOCK) {
    const count = min(BLOCK, tiles - first);
    if (smallIsInput) {
      inputTiles(small, height, width, ms, 0, ms, first, count, a, aRow, aPosition, scratch, zeros);
      gradientTiles(large, height, width, ns, from, to, first, count, b, bRow, bPosition, zeros);
    } else {
      gradientTiles(small, height, width, ms, 0, ms, first, count, a, aRow, aPosition, zeros);
      inputTiles(large, height, width, ns, from, to, first, count, b, bRow, bPosition, scratch, zeros);
    }
    for (let p: usize = 0; p < 16; p++) {
      const ap = a + p * aPosition, bp = b + p * bPosition, cp = sum + p * position;
      for (let i = 0; i < m; i += 4) {
        let j = 0;
        for (; j + 8 <= n; j += 8)
          columns4x8(ap + 4 * i, aRow, bp + 4 * j, bRow, cp + i * bRow + 4 * j, bRow, count, first > 0);
        if (j < n) columns4x4(ap + 4 * i, aRow, bp + 4 * j, bRow, cp + i * bRow + 4 * j, bRow, count, first > 0);
      }
    }
  }
  const inputs = smallIsInput ? ms : ns, outputs = smallIsInput ? ns : ms, tap = 4 * <usize>(inputs * outputs);
  for (let i = 0; i < ms; i++)
    for (let j = from; j < to; j++) {
      const at = smallIsInput ? i * outputs + j : j * outputs + i;
      filterTaps(sum + i * bRow + 4 * (j - from), position, dw + 4 * <usize>at, tap);
    }
}

/** dw[3][3] = Gᵀ s G of one pair of channels. */
function filterTaps(s: usize, position: usize, dw: usize, tap: usize): void {
  for (let c = 0; c < 3; c++, dw += tap) {
    // row r of s G, column c
    const r0 = filterColumn(s, position, c), r1 = filterColumn(s + 4 * position, position, c);
    const r2 = filterColumn(s + 8 * position, position, c), r3 = filterColumn(s + 12 * position, position, c);
    store<f32>(dw, r0 + <f32>0.5 * (r1 + r2));
    store<f32>(dw + 3 * tap, <f32>0.5 * (r1 - r2));
    store<f32>(dw + 6 * tap, <f32>0.5 * (r1 + r2) + r3);
  }
}

function filterColumn(s: usize, position: usize, column: i32): f32 {
  const b = load<f32>(s + position), c = load<f32>(s + 2 * position);
  if (column == 0) return load<f32>(s) + <f32>0.5 * (b + c);
  if (column == 1) return <f32>0.5 * (b - c);
  return <f32>0.5 * (b + c) + load<f32>(s + 3 * position);
}
