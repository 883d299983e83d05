import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { StoredTensor } from "../formats/stored-tensor.js";

/** A stored tensor on the current backend; floats go straight into wasm's memory, without a copy beside it. */
export function upload(stored: StoredTensor): tf.Tensor {
  if (tf.getBackend() === "wasm" && stored.readInto) {
    const backend = tf.backend() as unknown as BackendWasm;
    const info = backend.makeOutput(stored.shape, "float32");
    const tensor = tf.engine().makeTensorFromTensorInfo(info);
    try {
      stored.readInto(backend.typedArrayFromHeap(info) as Float32Array);
      return tensor;
    } catch (error) {
      tensor.dispose();
      throw error;
    }
  }
  const { data, shape, dtype } = stored.read();
  return tf.tensor(data, shape, dtype);
}
