import * as tf from "@tensorflow/tfjs";
import { address, override, type Call, type Native } from "./native.js";

/** Functions by their number in assembly/unary.ts: those that tfjs has, and activations under names of our own. */
const FUNCTIONS = ["Exp", "Tanh", "Erf"];
const ACTIVATIONS = ["Gelu", "Silu"];

/** Elementary functions four numbers at a time. */
export function registerUnary(native: Native): void {
  FUNCTIONS.forEach((name, which) =>
    override(name, (base) => (call) => {
      const { dtype, shape } = call.inputs.x as tf.TensorInfo;
      if (dtype !== "float32" || tf.util.sizeFromShape(shape) === 0) return base!(call);
      return apply(native, which, call);
    }),
  );
}

/** Activations of encoders, of floats. */
export function registerActivations(native: Native): void {
  ACTIVATIONS.forEach((name, i) => override(name, () => (call) => apply(native, FUNCTIONS.length + i, call)));
}

function apply(native: Native, which: number, { inputs, backend }: Call): tf.TensorInfo {
  const x = inputs.x as tf.TensorInfo;
  const y = backend.makeOutput(x.shape, "float32");
  const count = tf.util.sizeFromShape(x.shape);
  const tasks = Math.ceil(count / native.exports.SPAN.value);
  native.run("unary", tasks, 0, [address(backend, x), address(backend, y), count, which]);
  return y;
}
