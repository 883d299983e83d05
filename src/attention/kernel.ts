import * as tf from "@tensorflow/tfjs";

/** Whether the current backend computes it in one pass: our wasm backend does. */
export const hasKernel = (name: string) => tf.getKernel(name, tf.getBackend()) !== undefined;
