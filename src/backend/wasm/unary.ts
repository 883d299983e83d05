import * as tf from "@tensorflow/tfjs";
import { address, override, type Native } from "./native.js";

/** Functions by their number in assembly/unary.ts. */
const FUNCTIONS = ["Exp", "Tanh", "Erf"];

/** Elementary functions four numbers at a time. */
export function registerUnary(native: Native): void {
  FUNCTIONS.forEach((name, which) =>
    override(name, (base) => (call) => {
      const { x } = call.inputs as { x: tf.TensorInfo };
      const count = tf.util.sizeFromShape(x.shape);
      if (x.dtype !== "float32" || count === 0) return base!(call);
      const y = call.backend.makeOutput(x.shape, "float32");
      const [from, to] = [address(call.backend, x), address(call.backend, y)];
      native.run("unary", Math.ceil(count / native.exports.SPAN.value), 0, [from, to, count, which]);
      return y;
    }),
  );
}
