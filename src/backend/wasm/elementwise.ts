import * as tf from "@tensorflow/tfjs";
import { address, override, type Native } from "./native.js";

/** Operations by their number in assembly/elementwise.ts. */
const OPERATIONS = ["Add", "Sub", "Multiply"];
/** Axes around a run that the arguments of a kernel have room for. */
const MOST_AXES = 6;

/** Sums, differences and products of floats on every thread. */
export function registerElementwise(native: Native): void {
  OPERATIONS.forEach((name, which) =>
    override(name, (base) => (call) => {
      const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
      if (a.dtype !== "float32" || b.dtype !== "float32") return base!(call);
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
      const count = tf.util.sizeFromShape(shape);
      const axes = planBroadcast(a.shape, b.shape, shape);
      if (count === 0 || axes.length > MOST_AXES) return base!(call);
      const y = call.backend.makeOutput(shape, "float32");
      const run = axes.pop() ?? { length: 1, a: 1, b: 1 };
      native.run("binary", Math.ceil(count / native.exports.STRETCH.value), 0, [
        ...[a, b, y].map((tensor) => address(call.backend, tensor)),
        which,
        run.length,
        run.a,
        run.b,
        axes.length,
        ...axes.flatMap(({ length, a, b }) => [length, 4 * a, 4 * b]),
      ]);
      return y;
    }),
  );
}

interface Axis {
  length: number;
  /** floats between its entries in each operand, 0 where it is repeated */
  a: number;
  b: number;
}

/** The axes of the result, outermost first; those through which both operands go on in the same way count as one. */
function planBroadcast(shapeA: number[], shapeB: number[], shape: number[]): Axis[] {
  const [stepsA, stepsB] = [shapeA, shapeB].map((own) => {
    const strides = [...tf.util.computeStrides(own), 1];
    return shape.map((_, axis) => {
      const at = axis - (shape.length - own.length);
      return at < 0 || own[at] === 1 ? 0 : strides[at]!;
    });
  }) as [number[], number[]];
  const axes: Axis[] = [];
  shape.forEach((length, i) => {
    if (length === 1) return;
    const [a, b] = [stepsA[i]!, stepsB[i]!];
    const last = axes.at(-1);
    if (last && last.a === a * length && last.b === b * length)
      Object.assign(last, { length: last.length * length, a, b });
    else axes.push({ length, a, b });
  });
  return axes;
}
