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

  // tfjs slices with its own kernel.
  override("Unpack", (base) => (call) => {
    const { value } = call.inputs as { value: tf.TensorInfo };
    const axis = tf.util.parseAxisParam(call.attrs.axis, value.shape)[0]!;
    if (value.dtype === "string") return base!(call);
    const shape = value.shape.filter((_, i) => i !== axis);
    const size = value.shape.map((length, i) => (i === axis ? 1 : length));
    return Array.from({ length: value.shape[axis]! }, (_, i) => {
      const out = call.backend.makeOutput(shape, value.dtype);
      const begin = size.map((_, j) => (j === axis ? i : 0));
      const [from, to] = [value, out].map((t) => call.backend.typedArrayFromHeap(t));
      copyBlock(from!, value.shape, begin, size, to!);
      return out;
    });
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
    if (x.dtype !== "float32" || sizeFromShape(x.shape) === 0) return base!(call);
    const shape = perm.map((axis) => x.shape[axis]!);
    const out = call.backend.makeOutput(shape, "float32");
    const { tasks, args } = permutation(x.shape, perm);
    native.run("permute", tasks, 64, [address(call.backend, x), address(call.backend, out), ...args]);
    return out;
  });
}

/** The arguments of `permute` in assembly/layout.ts behind the two addresses, and how many tasks there are. */
function permutation(shape: readonly number[], perm: readonly number[]): { tasks: number; args: number[] } {
  const inStrides = [...tf.util.computeStrides([...shape]), 1];
  // Axes in the order of the result; those that are neighbours in memory too count as one.
  const axes: { length: number; from: number; to: number }[] = [];
  for (const axis of perm) {
    const length = shape[axis]!;
    const from = inStrides[axis]!;
    const last = axes.at(-1);
    if (last && last.from === length * from) Object.assign(last, { length: last.length * length, from });
    else if (length > 1) axes.push({ length, from, to: 0 });
  }
  let stride = 1;
  for (const axis of axes.reverse()) {
    axis.to = stride;
    stride *= axis.length;
  }
  axes.reverse();
  const bytes = 4;
  const last = axes.pop() ?? { length: 1, from: 1, to: 1 };
  let inner = [last.length, 0, 0, 0];
  if (last.from !== 1) {
    const [neighbours] = axes.splice(
      axes.findIndex(({ from }) => from === 1),
      1,
    );
    inner = [last.length, neighbours!.length, bytes * last.from, bytes * neighbours!.to];
  }
  const around = axes.flatMap(({ length, from, to }) => [length, bytes * from, bytes * to]);
  return { tasks: axes[0]?.length ?? 1, args: [...inner, axes.length, ...around] };
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
