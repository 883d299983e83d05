import * as tf from "@tensorflow/tfjs";
import { address, override, type Call, type Native } from "./native.js";

/** Products of matrices with transposes, broadcast batches and bias; tfjs multiplies quickly only where there are none. */
export function registerProducts(native: Native): void {
  override("BatchMatMul", (base) => (call) => multiply(native, call) ?? base!(call));

  override("_FusedMatMul", (base) => (call) => {
    const { bias, preluActivationWeights } = call.inputs;
    const { activation } = call.attrs;
    if (preluActivationWeights || !["linear", "relu"].includes(activation)) return base!(call);
    return multiply(native, call, bias, activation === "relu") ?? base!(call);
  });
}

/** Undefined for what is left to tfjs: integers, and a bias that is not one of columns. */
function multiply(
  native: Native,
  { inputs, attrs, backend }: Call,
  bias?: tf.TensorInfo,
  relu = false,
): tf.TensorInfo | undefined {
  const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const n = transposeB ? rowsB : columnsB;
  if (k !== (transposeB ? columnsB : rowsB))
    throw new Error(`matMul: [${a.shape}] and [${b.shape}] do not fit`);
  if (bias && bias.shape.join() !== String(n)) return undefined;
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const out = backend.makeOutput([...outer, m, n], "float32");
  const batch = tf.util.sizeFromShape(outer);
  if (batch * m * n === 0) return out;
  const table = new Int32Array(2 * batch);
  tell(table, 0, address(backend, a), outerA, outer, 4 * m * k);
  tell(table, 1, address(backend, b), outerB, outer, 4 * k * n);
  const { ROWS, COLUMNS, PRODUCT_SCRATCH } = native.exports;
  const tasks = batch * Math.ceil(m / ROWS.value) * Math.ceil(n / COLUMNS.value);
  native.lend(table, (rows) =>
    native.run("product", tasks, PRODUCT_SCRATCH.value, [
      rows,
      address(backend, out),
      batch,
      m,
      n,
      k,
      Number(transposeA),
      Number(transposeB),
      bias ? address(backend, bias) : 0,
      Number(relu),
      k,
      0,
    ]),
  );
  return out;
}

/** Puts addresses of an operand's matrices for every matrix of the result, in order, into each second word; axes of length 1 repeat. */
function tell(
  table: Int32Array,
  first: number,
  start: number,
  own: number[],
  outer: number[],
  bytes: number,
): void {
  const lengths = [...outer.slice(own.length).map(() => 1), ...own];
  let whole = bytes;
  const steps = lengths
    .reverse()
    .map((length) => {
      const step = length === 1 ? 0 : whole;
      whole *= length;
      return step;
    })
    .reverse();
  const index = outer.map(() => 0);
  for (let i = first, at = start; i < table.length; i += 2) {
    table[i] = at;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      at += steps[axis]!;
      if (++index[axis]! < outer[axis]!) break;
      at -= steps[axis]! * outer[axis]!;
      index[axis] = 0;
    }
  }
}
