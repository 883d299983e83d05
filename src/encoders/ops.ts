import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { hasKernel } from "../kernel.js";

type Gradient = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor;

/** An operation of one input whose gradient is written out: fewer operations than tfjs would chain, and none for frozen weights. */
function withGradient<T extends tf.Tensor>(
  x: T,
  forward: (x: tf.Tensor, save: tf.GradSaveFunc) => tf.Tensor,
  gradFunc: Gradient,
): T {
  const op = tf.customGrad((input, save) => ({
    value: forward(input as tf.Tensor, save as tf.GradSaveFunc),
    gradFunc,
  }));
  return op(x) as T;
}

/** Whether a kernel of the current backend that has no gradient may take the place of plain operations: now, without a tape. */
export function inOneKernel(name: string): boolean {
  return tf.engine().state.gradientDepth === 0 && hasKernel(name);
}

/** Without them tfjs's wasm backend adds the bias to wrong products where a matrix is transposed. */
const ownKernels = () => tf.getBackend() !== "wasm" || hasKernel("LayerNorm");

/** x Wᵀ + b: [rows, in] → [rows, out]; differentiable in all three. */
export function plainLinear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor): tf.Tensor2D {
  const y: tf.Tensor2D = tf.matMul(x, weight, false, true);
  return bias ? y.add<tf.Tensor2D>(bias) : y;
}

/** x Wᵀ + b for frozen W [out, in] and b [out]: [rows, in] → [rows, out]. Keep W until gradients are computed. */
export function frozenLinear(x: tf.Tensor2D, weight: tf.Tensor2D, bias?: tf.Tensor): tf.Tensor2D {
  return withGradient(
    x,
    (rows) => {
      if (!ownKernels()) return plainLinear(rows as tf.Tensor2D, weight, bias);
      return tf.fused.matMul({ a: rows as tf.Tensor2D, b: weight, transposeB: true, bias });
    },
    (dy) => dy.matMul(weight),
  );
}

/** Layer norm over the last axis, biased variance (torch.nn.LayerNorm). Frozen weight, bias: [features]. */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): T {
  if (inOneKernel("LayerNorm")) return tf.engine().runKernel("LayerNorm", { x, weight, bias }, { epsilon });
  return withGradient(
    x,
    (input, save) => {
      const centred = input.sub(input.mean(-1, true));
      const scale = centred.square().mean(-1, true).add(epsilon).rsqrt(); // 1 / σ
      const normed = centred.mul(scale);
      save([normed, scale]);
      return normed.mul(weight).add(bias);
    },
    (dy, [normed, scale]) => {
      const slope = dy.mul(weight);
      const along = normed!.mul(slope.mul(normed!).mean(-1, true));
      return slope.sub(slope.mean(-1, true)).sub(along).mul(scale!);
    },
  );
}

/** x / rms(x) over the last axis, times frozen weight [features] (Llama's norm: no mean, no bias). */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, epsilon: number): T {
  if (inOneKernel("RmsNorm")) return tf.engine().runKernel("RmsNorm", { x, weight }, { epsilon });
  return withGradient(
    x,
    (input, save) => {
      const scale = input.square().mean(-1, true).add(epsilon).rsqrt(); // 1 / rms
      const normed = input.mul(scale);
      save([normed, scale]);
      return normed.mul(weight);
    },
    (dy, [normed, scale]) => {
      const slope = dy.mul(weight);
      return slope.sub(normed!.mul(slope.mul(normed!).mean(-1, true))).mul(scale!);
    },
  );
}

/** Φ: the standard normal distribution function. */
function phi(x: tf.Tensor): tf.Tensor {
  return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
}

/** x Φ(x), exactly (PyTorch's default `gelu`); its slope is Φ(x) + x φ(x), which tfjs, whose erf has no gradient, cannot find. */
export function gelu<T extends tf.Tensor>(x: T): T {
  if (inOneKernel("Gelu")) return tf.engine().runKernel("Gelu", { x });
  return withGradient(
    x,
    (input, save) => {
      save([input]);
      return input.mul(phi(input));
    },
    (dy, [input]) => {
      const density = input!
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI)); // φ
      return dy.mul(phi(input!).add(input!.mul(density)));
    },
  );
}

/** x σ(x). */
export function silu<T extends tf.Tensor>(x: T): T {
  if (inOneKernel("Silu")) return tf.engine().runKernel("Silu", { x });
  return x.mul(x.sigmoid());
}

const activations = { gelu, silu, relu: <T extends tf.Tensor>(x: T): T => x.relu() };
export type Activation = <T extends tf.Tensor>(x: T) => T;
export const activationNames = Object.keys(activations) as (keyof typeof activations)[];

/** The activation of a config's name. @throws UserError for one that is not implemented. */
export function activation(name: keyof typeof activations): Activation {
  const found = activations[name];
  if (!found)
    throw new UserError(`unknown activation "${name}": one of ${activationNames.join(", ")} is needed`);
  return found;
}

/** Weighted mean of the tokens: hidden [batch, tokens, features], weights [batch, 1, tokens] → [batch, features] */
export function average(hidden: tf.Tensor3D, weights: tf.Tensor3D): tf.Tensor2D {
  return weights.matMul(hidden).squeeze([1]);
}
