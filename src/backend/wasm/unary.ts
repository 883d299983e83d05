import * as tf from "@tensorflow/tfjs";
import { address, override, type Native } from "./native.js";

/** Functions by their number in assembly/unary.ts; the activations are kernels under names of our own, of floats alone. */
const FUNCTIONS = ["Exp", "Tanh", "Erf", "Gelu", "Silu"];

/** Elementary functions and activations four numbers at a time. */
export function registerUnary(native: Native): void {
  FUNCTIONS.forEach((name, which) =>
    override(name, (base) => (call) => {
      const { x } = call.inputs as { x: tf.TensorInfo };
      const count = tf.util.sizeFromShape(x.shape);
      if (base && (x.dtype !== "float32" || count === 0)) return base(call);
      const y = call.backend.makeOutput(x.shape, "float32");
      const [from, to] = [address(call.backend, x), address(call.backend, y)];
      native.run("unary", Math.ceil(count / native.exports.SPAN.value), 0, [from, to, count, which]);
      return y;
    }),
  );
}
