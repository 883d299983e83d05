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
  const atA = matrices(address(backend, a), outerA, outer, 4 * m * k);
  const atB = matrices(address(backend, b), outerB, outer, 4 * k * n);
  const { ROWS, COLUMNS, PRODUCT_SCRATCH } = native.exports;
  const tasks = batch * Math.ceil(m / ROWS.value) * Math.ceil(n / COLUMNS.value);
  native.lend(
    atA.flatMap((at, i) => [at, atB[i]!]),
    (table) =>
      native.run("product", tasks, PRODUCT_SCRATCH.value, [
        table,
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

/** Addresses of an operand's matrices for every matrix of the result, in order; axes of length 1 repeat. */
function matrices(start: number, own: number[], outer: number[], bytes: number): number[] {
  let all = [0];
  let stride = tf.util.sizeFromShape(own);
  const padded = [...outer.slice(own.length).map(() => 1), ...own];
  outer.forEach((length, axis) => {
    stride /= padded[axis]!;
    const step = padded[axis] === 1 ? 0 : stride;
    all = all.flatMap((at) => Array.from({ length }, (_, i) => at + i * step));
  });
  return all.map((at) => start + at * bytes);
}
