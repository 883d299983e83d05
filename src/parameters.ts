/** Learned tensors: what they are called, how they start. Encoders, adapters, attention and models share them. */
import * as tf from "@tensorflow/tfjs";

/** Tensors by parameter name. */
export type Tensors = Record<string, tf.Tensor>;

/** How a parameter's values are drawn; a distribution is data, so that trainers and tf.layers draw it each in their way. */
export type Initial =
  | { kind: "constant"; value: number }
  /** Uniform in ± bound. */
  | { kind: "uniform"; bound: number }
  | { kind: "normal"; sd: number }
  /** exp of a standard normal. */
  | { kind: "exp-normal" };

export interface ParameterSpec {
  shape: number[];
  initial: Initial;
  /** False for running statistics and for what an ablation freezes. */
  trainable: boolean;
}

export const constant = (value: number): Initial => ({ kind: "constant", value });

/** Glorot & Bengio (2010), as PyTorch's `xavier_uniform_`. */
export const xavierUniform = (fanIn: number, fanOut: number): Initial => ({
  kind: "uniform",
  bound: Math.sqrt(6 / (fanIn + fanOut)),
});

/** As PyTorch's `xavier_normal_`. */
export const xavierNormal = (fanIn: number, fanOut: number): Initial => ({
  kind: "normal",
  sd: Math.sqrt(2 / (fanIn + fanOut)),
});

/** PyTorch's default for the weight and bias of linear layers and convolutions: uniform in ± 1 / sqrt(fan in). */
export const torchDefault = (fanIn: number): Initial => ({ kind: "uniform", bound: 1 / Math.sqrt(fanIn) });

export const trainable = (shape: number[], initial: Initial): ParameterSpec => ({
  shape,
  initial,
  trainable: true,
});

/** Where random values come from: `random.ts` has one. */
interface Source {
  uniform(): number;
  normal(): number;
}

/** A variable with values drawn as `spec` says; frozen ones are made not trainable. */
export function initialise(spec: ParameterSpec, random: Source): tf.Variable {
  const values = new Float32Array(spec.shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = draw(spec.initial, random);
  return tf.tidy(() => tf.variable(tf.tensor(values, spec.shape, "float32"), spec.trainable));
}

function draw(initial: Initial, random: Source): number {
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
