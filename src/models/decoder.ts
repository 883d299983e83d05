import * as tf from "@tensorflow/tfjs";
import { linear } from "../attention/dot-product.js";
import {
  torchDefault,
  trainable,
  xavierUniform,
  type ParameterSpec,
  type Parameters,
} from "../attention/module.js";
import type { Size } from "./stages.js";

export interface DecoderOptions extends Size {
  /** Channels between the two convolutions. */
  hidden: number;
  classes: number;
}

/** The paper reads a layer of 1024 features as 32 × 32, of 5120 as 64 × 80, and GQDAAM's 512 as 8 × 64. */
const PAPER_IMAGES = new Map([[512, [8, 64] as const]]);

/** Height and width of the image that a layer's features are read as: the squarest, but for the paper's own. */
export function imageOf(features: number): readonly [height: number, width: number] {
  const paper = PAPER_IMAGES.get(features);
  if (paper) return paper;
  let height = Math.floor(Math.sqrt(features));
  while (features % height !== 0) height--;
  return [height, features / height];
}

/**
 * The paper's decoder: an image of N channels → conv 3×3 (N → hidden) → ReLU → conv 3×3 (hidden → N) → ReLU → linear.
 * Kernels are Xavier-uniform; biases as PyTorch's default. Kernels are [height, width, in, out], the linear one
 * [height · width · layers, classes] in the order of the NHWC image.
 */
export function decoderParameters({
  layers,
  features,
  hidden,
  classes,
}: DecoderOptions): Record<string, ParameterSpec> {
  const taps = 9;
  const flat = layers * features;
  return {
    conv1Kernel: trainable([3, 3, layers, hidden], xavierUniform(taps * layers, taps * hidden)),
    conv1Bias: trainable([hidden], torchDefault(taps * layers)),
    conv2Kernel: trainable([3, 3, hidden, layers], xavierUniform(taps * hidden, taps * layers)),
    conv2Bias: trainable([layers], torchDefault(taps * hidden)),
    linearKernel: trainable([flat, classes], xavierUniform(flat, classes)),
    linearBias: trainable([classes], torchDefault(flat)),
  };
}

/** Logits [batch, classes] of x, float32 [batch, layers, features]. */
export function decode(x: tf.Tensor3D, p: Parameters): tf.Tensor2D {
  const [batch, layers, features] = x.shape;
  const [height, width] = imageOf(features);
  const image = x.reshape([batch, layers, height, width]).transpose([0, 2, 3, 1]) as tf.Tensor4D; // (B, N, H, W) → (B, H, W, N)
  const inner = convolve(image, p.conv1Kernel!, p.conv1Bias!);
  const outer = convolve(inner, p.conv2Kernel!, p.conv2Bias!);
  return linear(outer.reshape([batch, features * layers]), p.linearKernel!, p.linearBias!);
}

/** ReLU of a 3×3 convolution, fused so that one activation is kept instead of three. */
function convolve(x: tf.Tensor4D, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor4D {
  return tf.fused.conv2d({
    x,
    filter: filter as tf.Tensor4D,
    bias,
    strides: 1,
    pad: "same",
    activation: "relu",
  });
}
