/** Kernels that tfjs does not know: a backend of ours may have one, and where it has none plain operations stand in its place. */
import * as tf from "@tensorflow/tfjs";

/** Whether the current backend has it. */
export const hasKernel = (name: string) => tf.getKernel(name, tf.getBackend()) !== undefined;
