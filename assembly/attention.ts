/** Scaled dot-product attention that holds the scores of a few queries at a time. */
import { expNegative } from "./exp";
import { loadLanes, storeLanes } from "./layout";
import { copyEdge, multiply, packRows, packTransposed, PRODUCT_SCRATCH, ROWS } from "./product";
import { packed4x8 } from "./tiles";

/** Queries of one task. */
export const QUERIES: i32 = 32;
/** Weighted values summed before they are added to the result, as in `product`. */
const DEPTH: i32 = 512;

/** Bytes of scratch of one thread: packed queries, or weights; a panel of keys, or of values; scores; an edge tile. */
export function attentionScratch(tokens: i32, d: i32): i32 {
  const deep = max(DEPTH, d), wide = (tokens + 7) & ~7;
  return 4 * deep * (QUERIES + 8) + 4 * QUERIES * wide + 128;
}

/**
 * One block of queries of one head: softmax(scale · q kᵀ + gate · bias + mask) v.
 * Arguments: q, k, v, result [batch, tokens, heads, d], bias or 0, gate [batch, heads, tokens] or 0, mask [batch, tokens] or 0, heads,
 * queries' heads to one of keys, tokens, d (beyond 512 a score is one sum, where `product` begins anew), scale, strides in floats from item
 * to item, head to head and token to token of q, k, v, and strides of bias [tokens, tokens] from item to item and head to head.
 */
export function attention(args: usize, task: i32, scratch: usize): void {
  const heads = load<i32>(args, 28), group = load<i32>(args, 32), tokens = load<i32>(args, 36), d = load<i32>(args, 40);
  const blocks = (tokens + QUERIES - 1) / QUERIES;
  const head = (task / blocks) % heads, item = task / blocks / heads;
  const top = (task % blocks) * QUERIES, high = min(QUERIES, tokens - top);
  const rowQ = 4 * <usize>load<i32>(args, 56), rowK = 4 * <usize>load<i32>(args, 68), rowV = 4 * <usize>load<i32>(args, 80);
  const q = start(args, 0, 48, item, head) + rowQ * top;
  const k = start(args, 4, 60, item, head / group), v = start(args, 8, 72, item, head / group);
  const wide = (tokens + 7) & ~7, ldScores = 4 * <usize>wide;
  const packed = scratch, panel = packed + 4 * <usize>(QUERIES * max(DEPTH, d));
  const scores = panel + 32 * <usize>max(DEPTH, d), edge = scores + ldScores * QUERIES;

  const quad: usize = 16 * d, scale = v128.load32_splat(args, 44);
  for (let i = 0, to = packed; i < high; i += 4, to += quad) {
    packTransposed(q + rowQ * i, rowQ, min(4, high - i), d, to, 16);
    for (let at: usize = 0; at < quad; at += 16) v128.store(to + at, f32x4.mul(v128.load(to + at), scale));
  }
  for (let j = 0; j < tokens; j += 8) {
    const keys = k + rowK * j, left = min(8, tokens - j);
    packTransposed(keys, rowK, min(4, left), d, panel, 32);
    packTransposed(keys + rowK * min(4, left - 1), rowK, max(1, left - 4), d, panel + 16, 32);
    for (let i = 0, quads = packed; i < high; i += 4, quads += quad) packed4x8(quads, panel, scores + ldScores * i + 4 * j, ldScores, d, 0);
  }

  const bias = load<usize>(args, 16), gate = load<usize>(args, 20), mask = load<usize>(args, 24);
  const biasRow = bias + 4 * (<usize>load<i32>(args, 84) * item + <usize>load<i32>(args, 88) * head + <usize>tokens * top);
  const gates = gate + 4 * <usize>((item * heads + head) * tokens + top);
  for (let i = 0; i < high; i++) {
    const row = scores + ldScores * i;
    if (bias) addBias(row, biasRow + 4 * <usize>tokens * i, gate ? load<f32>(gates + 4 * i) : 1, mask && mask + 4 * <usize>item * tokens, tokens);
    softmax(row, tokens);
  }

  const rowOut = 4 * <usize>(heads * d);
  const out = load<usize>(args, 12) + rowOut * (item * tokens + top) + 4 * <usize>(head * d);
  for (let from = 0; from < tokens; from += DEPTH) {
    const deep = min(DEPTH, tokens - from), held = from > 0 ? 1 : 0, weights: usize = 16 * deep;
    for (let i = 0, to = packed; i < high; i += 4, to += weights)
      packTransposed(scores + ldScores * i + 4 * from, ldScores, min(4, high - i), deep, to, 16);
    for (let j = 0; j < d; j += 8) {
      const columns = min(8, d - j);
      packRows(v + rowV * from + 4 * j, rowV, columns, 32, deep, panel);
      for (let i = 0, quads = packed; i < high; i += 4, quads += weights) {
        const rows = min(4, high - i), to = out + rowOut * i + 4 * j;
        if (rows == 4 && columns == 8) packed4x8(quads, panel, to, rowOut, deep, held);
        else {
          if (held) copyEdge(to, rowOut, edge, 32, rows, columns);
          packed4x8(quads, panel, edge, 32, deep, held);
          copyEdge(edge, 32, to, rowOut, rows, columns);
        }
      }
    }
  }
}

/** Bytes of scratch of one thread: weights, their gradients, scaled queries. */
export function attentionGradientScratch(tokens: i32, d: i32): i32 {
  return 4 * tokens * (2 * tokens + d) + PRODUCT_SCRATCH;
}

/**
 * The gradient of one head of one item, with the digits of plain operations where d is at most 512. Arguments: dy [items, tokens, heads, d], projected and its
 * gradient [items, tokens, 3 (query, key, value), heads, d], heads, tokens, d, scale.
 */
export function attentionGradient(args: usize, task: i32, scratch: usize): void {
  const heads = load<i32>(args, 12), tokens = load<i32>(args, 16), d = load<i32>(args, 20);
  const scale = v128.load32_splat(args, 24);
  const item = task / heads, head = 4 * <usize>((task % heads) * d), width = 4 * <usize>(heads * d), row = 3 * width;
  const dy = load<usize>(args) + width * (item * tokens) + head;
  const q = load<usize>(args, 4) + row * (item * tokens) + head, k = q + width, v = k + width;
  const dq = load<usize>(args, 8) + row * (item * tokens) + head, dk = dq + width, dv = dk + width;
  const ld = 4 * <usize>tokens, ldQ = 4 * <usize>d;
  const weights = scratch + PRODUCT_SCRATCH, slopes = weights + ld * tokens, scaled = slopes + ld * tokens;
  for (let i = 0; i < tokens; i++) scaleRow(q + row * i, scale, scaled + ldQ * i, d);
  for (let i = 0; i < tokens; i += ROWS) {
    const rows = min(ROWS, tokens - i);
    multiply(scaled + ldQ * i, ldQ, false, k, row, true, weights + ld * i, ld, rows, tokens, d, false, scratch);
    multiply(dy + width * i, width, false, v, row, true, slopes + ld * i, ld, rows, tokens, d, false, scratch);
  }
  for (let i = 0; i < tokens; i++) softmax(weights + ld * i, tokens);
  for (let i = 0; i < tokens; i += ROWS)
    multiply(weights + 4 * i, ld, true, dy, width, false, dv + row * i, row, min(ROWS, tokens - i), d, tokens, false, scratch);
  for (let i = 0; i < tokens; i++) softmaxGradient(slopes + ld * i, weights + ld * i, tokens);
  for (let i = 0; i < tokens; i += ROWS) {
    const rows = min(ROWS, tokens - i);
    multiply(slopes + ld * i, ld, false, k, row, false, dq + row * i, row, rows, d, tokens, false, scratch);
    multiply(slopes + 4 * i, ld, true, scaled, ldQ, false, dk + row * i, row, rows, d, tokens, false, scratch);
  }
  for (let i = 0; i < tokens; i++) scaleRow(dq + row * i, scale, dq + row * i, d);
}

/** to = scale · x, of `scale` four times the same. */
function scaleRow(x: usize, scale: v128, to: usize, count: i32): void {
  for (; count > 0; count -= 4, x += 16, to += 16) storeLanes(to, f32x4.mul(loadLanes(x, count), scale), count);
}

/** Of scores, in the place of the slopes of the weights: slope · weight − (Σ slope · weight) · weight. The sum runs through the row. */
function softmaxGradient(slopes: usize, weights: usize, count: i32): void {
  let sum: f32 = 0;
  for (let i: usize = 0; i < 4 * <usize>count; i += 4) {
    const product = load<f32>(slopes + i) * load<f32>(weights + i);
    store<f32>(slopes + i, product);
    sum += product;
  }
  const sums = f32x4.splat(sum);
  for (; count > 0; count -= 4, slopes += 16, weights += 16)
    storeLanes(slopes, f32x4.sub(loadLanes(slopes, count), f32x4.mul(sums, loadLanes(weights, count))), count);
}

/** Where a head of a tensor begins, whose address is argument `at`, and whose strides begin at `strides`. */
function start(args: usize, at: usize, strides: usize, item: i32, head: i32): usize {
  return load<usize>(args + at) + 4 * (<usize>load<i32>(args + strides) * item + <usize>load<i32>(args + strides, 4) * head);
}

/** row += gate · bias (+ mask) */
function addBias(row: usize, bias: usize, gate: f32, mask: usize, count: i32): void {
  const gates = f32x4.splat(gate);
  for (; count >= 4; count -= 4, row += 16, bias += 16) {
    let add = f32x4.mul(gates, v128.load(bias));
    if (mask) add = f32x4.add(add, v128.load(mask)), mask += 16;
    v128.store(row, f32x4.add(v128.load(row), add));
  }
  for (; count > 0; count--, row += 4, bias += 4) {
    let add = gate * load<f32>(bias);
    if (mask) add += load<f32>(mask), mask += 4;
    store<f32>(row, load<f32>(row) + add);
  }
}

/** In place, with the digits of XNNPACK's softmax: its exp, and sums in four lanes. */
function softmax(row: usize, count: i32): void {
  let largest = v128.load32_splat(row), i = 0;
  for (; i + 4 <= count; i += 4) largest = f32x4.max(largest, v128.load(row + 4 * i));
  for (; i < count; i++) largest = f32x4.max(largest, v128.load32_splat(row + 4 * i));
  largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  const most = f32x4.extract_lane(largest, 0);
  let sums = f32x4.splat(0);
  i = 0;
  for (; i + 4 <= count; i += 4) {
    const e = expNegative(f32x4.sub(v128.load(row + 4 * i), largest));
    v128.store(row + 4 * i, e);
    sums = f32x4.add(sums, e);
  }
  let sum = f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 2) + (f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 3));
  for (; i < count; i++) {
    const e = f32x4.extract_lane(expNegative(f32x4.splat(load<f32>(row + 4 * i) - most)), 0);
    store<f32>(row + 4 * i, e);
    sum += e;
  }
  const scale: f32 = 1 / sum, scales = f32x4.splat(scale);
  for (i = 0; i + 4 <= count; i += 4) v128.store(row + 4 * i, f32x4.mul(v128.load(row + 4 * i), scales));
  for (; i < count; i++) store<f32>(row + 4 * i, load<f32>(row + 4 * i) * scale);
}
