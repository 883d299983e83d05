import * as tf from "@tensorflow/tfjs";
import type { Module } from "#src/attention/module.js";
import { assertGradients, normal } from "../support/close.js";

/** [layers, features] of the modules. */
export const size = { layers: 3, features: 8 };

/** Parameters of a module, the same at every call. */
export const draw = (module: Module) =>
  Object.fromEntries(
    Object.entries(module.parameters).map(([name, { shape }], i) => [name, normal(shape as [number], i + 1)]),
  );

/** Asserts the gradients of the input and of every parameter. */
export const gradientsOf = (module: Module) => {
  const p = draw(module);
  const names = Object.keys(p);
  return assertGradients(
    (x, ...values) =>
      module.apply(x as tf.Tensor3D, Object.fromEntries(names.map((name, i) => [name, values[i]!]))),
    [normal([4, 3, 8], 50).mul(0.3), ...names.map((name) => p[name]!.mul(0.3))],
  );
};
