import * as tf from "@tensorflow/tfjs";
import type { Module } from "./module.js";
import { constant, trainable } from "../parameters.js";

/**
 * The usual learned weighting of layers, which the paper's tables lack: y_l = N · softmax(s)_l · x_l.
 * Parameters: `scores` s [layers], start at 0, where it is the identity.
 */
export function layerWeights({ layers, features }: { layers: number; features: number }): Module {
  return {
    parameters: { scores: trainable([layers], constant(0)) },
    outputShape: [layers, features],
    held: (items) => ({ forward: items * layers * features, backward: 3 * items * layers * features }),
    apply: (x, { scores }) =>
      tf.tidy(() => x.mul(tf.softmax(scores!).mul(layers).expandDims(1)) as tf.Tensor3D),
  };
}
