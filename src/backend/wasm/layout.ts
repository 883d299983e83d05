import * as tf from "@tensorflow/tfjs";
import { address, override, type Call, type Native } from "./native.js";

const { sizeFromShape } = tf.util;

/** Sums and changes of order over axes, where tfjs's kernels go one number at a time. */
export function registerLayout(native: Native): void {
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

  override("Transpose", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    const perm = call.attrs.perm as number[];
    if (x.dtype !== "float32" || sizeFromShape(x.shape) === 0) return base!(call);
    const strides = stridesOf(x.shape);
    const axes = perm.map((axis) => ({ length: x.shape[axis]!, from: strides[axis]! }));
    return arrange(
      native,
      call,
      x,
      perm.map((axis) => x.shape[axis]!),
      axes,
    )!;
  });

  override("Tile", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    const reps = call.attrs.reps as number[];
    const shape = x.shape.map((length, axis) => length * reps[axis]!);
    if (x.dtype !== "float32" || sizeFromShape(shape) === 0) return base!(call);
    const strides = stridesOf(x.shape);
    // Repeats are an axis without a step.
    const axes = x.shape.flatMap((length, axis) => [
      { length: reps[axis]!, from: 0 },
      { length, from: strides[axis]! },
    ]);
    return arrange(native, call, x, shape, axes) ?? base!(call);
  });
}

const stridesOf = (shape: number[]) => [...tf.util.computeStrides(shape), 1];

interface Axis {
  length: number;
  /** Floats between its entries in the input. */
  from: number;
}

/** A tensor of `shape` whose axes, in order, go through x by the given steps; undefined where no kernel does that. */
function arrange(
  native: Native,
  { backend }: Call,
  x: tf.TensorInfo,
  shape: number[],
  axes: readonly Axis[],
): tf.TensorInfo | undefined {
  const plan = planPermute(axes);
  if (!plan) return undefined;
  const out = backend.makeOutput(shape, "float32");
  native.run("permute", plan.tasks, 64, [address(backend, x), address(backend, out), ...plan.args]);
  return out;
}

/** The arguments of `permute` in assembly/layout.ts behind the two addresses, and how many tasks there are. */
function planPermute(given: readonly Axis[]): { tasks: number; args: number[] } | undefined {
  // Axes that are neighbours in the input too count as one.
  const axes: (Axis & { to: number })[] = [];
  for (const { length, from } of given) {
    const last = axes.at(-1);
    if (length === 1) continue;
    if (last && last.from === length * from) Object.assign(last, { length: last.length * length, from });
    else axes.push({ length, from, to: 0 });
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
    if (!neighbours || neighbours.from !== 1) return undefined;
    inner = [last.length, neighbours.length, bytes * last.from, bytes * neighbours.to];
  }
  const around = axes.flatMap(({ length, from, to }) => [length, bytes * from, bytes * to]);
  return { tasks: axes[0]?.length ?? 1, args: [...inner, axes.length, ...around] };
}
