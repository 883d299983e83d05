import * as tf from "@tensorflow/tfjs";
import { address, override, type Native } from "./native.js";

const { sizeFromShape } = tf.util;

/** Kernels that only move or add numbers, where tfjs's copy too much. */
export function registerLayout(native: Native): void {
  // tfjs copies the values.
  override("Identity", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype === "string") return base!(call);
    call.backend.incRef(x.dataId as never);
    return { ...x };
  });

  // tfjs copies the whole of x out of the heap first.
  override("Slice", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype === "string") return base!(call);
    const { begin: from, size: wanted } = call.attrs;
    const [begin, size] = tf.slice_util.parseSliceParams(x as tf.Tensor, from, wanted) as [
      number[],
      number[],
    ];
    const out = call.backend.makeOutput(size, x.dtype);
    if (sizeFromShape(size) > 0) {
      copyBlock(
        call.backend.typedArrayFromHeap(x),
        x.shape,
        begin,
        size,
        call.backend.typedArrayFromHeap(out),
      );
    }
    return out;
  });

  // tfjs brings the summed axes to the end first.
  override("Sum", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    const axes = tf.util.parseAxisParam(call.attrs.axis, x.shape).sort((a, b) => a - b);
    const leading = axes.length > 0 && axes.length < x.shape.length && axes.every((axis, i) => axis === i);
    if (x.dtype !== "float32" || !leading) return base!(call);
    const rest = x.shape.slice(axes.length);
    const [rows, columns] = [sizeFromShape(x.shape.slice(0, axes.length)), sizeFromShape(rest)];
    if (rows * columns === 0) return base!(call);
    const shape = call.attrs.keepDims ? [...axes.map(() => 1), ...rest] : rest;
    const out = call.backend.makeOutput(shape, "float32");
    native.run("sumRows", Math.ceil(columns / native.exports.LANES.value), 0, [
      address(call.backend, x),
      address(call.backend, out),
      rows,
      columns,
    ]);
    return out;
  });

  // tfjs moves one number at a time.
  override("Transpose", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    const perm = call.attrs.perm as number[];
    const matrix = x.dtype === "float32" ? swappedBlocks(perm) : undefined;
    if (!matrix) return base!(call);
    const [first, second] = matrix;
    const outer = sizeFromShape(x.shape.slice(0, first));
    const rows = sizeFromShape(x.shape.slice(first, second));
    const columns = sizeFromShape(x.shape.slice(second));
    const out = call.backend.makeOutput(
      perm.map((axis) => x.shape[axis]!),
      "float32",
    );
    if (outer * rows * columns > 0) {
      const [from, to] = [address(call.backend, x), address(call.backend, out)];
      native.run("transpose", outer, 0, [from, to, rows, columns]);
    }
    return out;
  });
}

/**
 * Where a permutation keeps its first axes and swaps two blocks of the others, so that it transposes matrices: the first axis
 * of each block.
 */
function swappedBlocks(perm: readonly number[]): [first: number, second: number] | undefined {
  const first = perm.findIndex((axis, i) => axis !== i);
  if (first < 0) return undefined;
  const second = perm[first]!;
  const expected = [...perm.keys()];
  const swapped = [...expected.slice(0, first), ...expected.slice(second), ...expected.slice(first, second)];
  return perm.every((axis, i) => axis === swapped[i]) ? [first, second] : undefined;
}

type Values = Float32Array | Int32Array | Uint8Array;

/** Copies the block of `from` that starts at `begin`, run by run of neighbouring numbers. */
function copyBlock(from: Values, shape: number[], begin: number[], size: number[], to: Values): void {
  const strides = [...tf.util.computeStrides(shape), 1];
  // A run spans the trailing axes that are taken whole, and the one before them.
  let outer = shape.length - 1;
  while (outer > 0 && size[outer] === shape[outer]) outer--;
  outer = Math.max(outer, 0);
  const run = sizeFromShape(size.slice(outer));
  const index = new Array<number>(outer).fill(0);
  let at = begin.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  for (let out = 0; out < to.length; out += run) {
    if (run < 32) for (let i = 0; i < run; i++) to[out + i] = from[at + i]!;
    else to.set(from.subarray(at, at + run), out);
    for (let axis = outer - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < size[axis]!) break;
      at -= size[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}
