import * as tf from "@tensorflow/tfjs";
import type { Initial, ParameterSpec } from "../attention/module.js";
import type { Random } from "../random.js";

/** A variable with values drawn as `spec` says; frozen ones are made not trainable. */
export function initialise(spec: ParameterSpec, random: Random): tf.Variable {
  const values = new Float32Array(spec.shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = draw(spec.initial, random);
  return tf.tidy(() => tf.variable(tf.tensor(values, spec.shape, "float32"), spec.trainable));
}

function draw(initial: Initial, random: Random): number {
  switch (initial.kind) {
    case "constant":
      return initial.value;
    case "uniform":
      return (2 * random.uniform() - 1) * initial.bound;
    case "normal":
      return initial.sd * random.normal();
    case "exp-normal":
      return Math.exp(random.normal());
  }
}
