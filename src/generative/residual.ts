import * as tf from "@tensorflow/tfjs";
import { linear } from "../attention/dot-product.js";
import { mixtureAttention } from "../attention/mixture.js";
import { constant, trainable, xavierUniform, type ParameterSpec, type Tensors } from "../parameters.js";
import { convolve } from "../models/decoder.js";

/** A differentiable map of images, float32 [batch, height, width, channels]. */
export interface Layer {
  readonly parameters: Record<string, ParameterSpec>;
  apply(x: tf.Tensor4D, parameters: Tensors): tf.Tensor4D;
}

/** Halves the image: a 2×2 convolution of stride 2, as a product of matrices. */
export function down(inputs: number, outputs: number): Layer {
  return {
    parameters: weights([4 * inputs, outputs]),
    apply: (x, p) => {
      const [batch, height, width] = x.shape;
      const patches = x
        .reshape([(batch * height) / 2, 2, width / 2, 2 * inputs])
        .transpose([0, 2, 1, 3]) // (B·H/2, 2, W/2, 2·C) → (B·H/2, W/2, 2, 2·C)
        .reshape([-1, 4 * inputs]);
      return linear(patches, p.kernel!, p.bias!).reshape([batch, height / 2, width / 2, outputs]);
    },
  };
}

/** Doubles the image: a 2×2 transposed convolution of stride 2, as a product of matrices. */
export function up(inputs: number, outputs: number): Layer {
  return {
    parameters: { ...weights([inputs, 4 * outputs]), bias: trainable([outputs], constant(0)) },
    apply: (x, p) => {
      const [batch, height, width] = x.shape;
      return tf
        .matMul(x.reshape([-1, inputs]), p.kernel as tf.Tensor2D)
        .reshape([batch * height, width, 2, 2 * outputs])
        .transpose([0, 2, 1, 3]) // (B·H, W, 2, 2·C) → (B·H, 2, W, 2·C)
        .reshape([batch, 2 * height, 2 * width, outputs])
        .add(p.bias!);
    },
  };
}

/** A 1×1 convolution. */
export function pointwise(inputs: number, outputs: number): Layer {
  return {
    parameters: weights([inputs, outputs]),
    apply: (x, p) =>
      linear(x.reshape([-1, inputs]), p.kernel!, p.bias!).reshape([...x.shape.slice(0, 3), outputs] as never),
  };
}

/** x + conv 3×3 (ReLU (conv 3×3 (x))). */
export function residual(channels: number): Layer {
  const [first, second] = [weights([3, 3, channels, channels]), weights([3, 3, channels, channels])];
  return {
    parameters: {
      kernel1: first.kernel,
      bias1: first.bias,
      kernel2: second.kernel,
      bias2: second.bias,
    },
    apply: (x, p) => x.add(convolution(convolve(x, p.kernel1!, p.bias1!), p.kernel2!, p.bias2!)),
  };
}

/** A 3×3 convolution of ReLU (x). */
export function output(inputs: number, outputs: number): Layer {
  return {
    parameters: weights([3, 3, inputs, outputs]),
    apply: (x, p) => convolution(x.relu(), p.kernel!, p.bias!),
  };
}

/**
 * A density block over the channels of each pixel: x · w + x, w a mixture of densities of heads of channels.
 * @throws UserError where a head would hold fewer than two channels
 */
export function channelAttention(
  side: number,
  channels: number,
  { heads, gaussians }: { heads: number; gaussians: number },
): Layer {
  const block = mixtureAttention({ layers: channels, features: side * side, heads, gaussians });
  return {
    parameters: block.parameters,
    apply: (x, p) => {
      const pixels = x.reshape([-1, side * side, channels]).transpose([0, 2, 1]) as tf.Tensor3D; // (B, H, W, C) → (B, C, H·W)
      return block.apply(pixels, p).transpose([0, 2, 1]).reshape(x.shape);
    },
  };
}

/** Xavier-uniform kernel [height, width, inputs, outputs] or [inputs, outputs], bias 0. */
function weights(shape: number[]) {
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  const taps = shape.slice(0, -2).reduce((a, b) => a * b, 1);
  return {
    kernel: trainable(shape, xavierUniform(taps * inputs, taps * outputs)),
    bias: trainable([outputs], constant(0)),
  };
}

const convolution = (x: tf.Tensor4D, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor4D =>
  tf.conv2d(x, kernel as tf.Tensor4D, 1, "same").add(bias);
