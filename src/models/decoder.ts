import * as tf from "@tensorflow/tfjs";
import { linear } from "../attention/dot-product.js";
import { hasKernel } from "../kernel.js";
import { torchDefault, trainable, xavierUniform, type ParameterSpec, type Tensors } from "../parameters.js";
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

/**
 * Logits [batch, classes] of x, float32 [batch, layers, features].
 * @param slope whether x has a gradient: one that no training asks for costs a sixth of a step
 */
export function decode(x: tf.Tensor3D, p: Tensors, slope = true): tf.Tensor2D {
  const [batch, layers, features] = x.shape;
  const [height, width] = imageOf(features);
  const image = x.reshape([batch, layers, height, width]).transpose([0, 2, 3, 1]) as tf.Tensor4D; // (B, N, H, W) → (B, H, W, N)
  const outer = convolveTwice(image, p, slope);
  return linear(outer.reshape([batch, features * layers]), p.linearKernel!, p.linearBias!);
}

/**
 * The two convolutions with their ReLUs. The gradient is written out for both at once, so that what lies between them is freed, or
 * written over, where the tape would hold it to the end of the step.
 */
function convolveTwice(x: tf.Tensor4D, p: Tensors, slope: boolean): tf.Tensor4D {
  const run = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const save = inputs.pop() as tf.GradSaveFunc;
    const [kernel1, bias1, kernel2, bias2] = inputs.slice(-4) as tf.Tensor4D[];
    const inner = rectified(x, kernel1!, bias1!);
    const outer = rectified(inner, kernel2!, bias2!);
    save([x, kernel1!, inner, kernel2!, outer]);
    return {
      value: outer,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, kernel1, inner, kernel2, outer] = saved as tf.Tensor4D[];
        const [dSum2, dBias2] = rectifierGradient(dy, outer!);
        const dKernel2 = filterGradient(inner!, dSum2, kernel2!);
        const dInner = inputGradient(dSum2, kernel2!, inner!);
        dSum2.dispose();
        const [dSum1, dBias1] = rectifierGradient(dInner, inner!, true);
        dInner.dispose();
        const dKernel1 = filterGradient(x!, dSum1, kernel1!);
        const dx = slope ? [inputGradient(dSum1, kernel1!, x!)] : [];
        dSum1.dispose();
        return [...dx, dKernel1, dBias1, dKernel2, dBias2];
      },
    };
  });
  const { conv1Kernel, conv1Bias, conv2Kernel, conv2Bias } = p;
  return run(...(slope ? [x] : []), conv1Kernel!, conv1Bias!, conv2Kernel!, conv2Bias!) as tf.Tensor4D;
}

const SAME = { strides: 1, pad: "same", dataFormat: "NHWC", dilations: 1 } as const;

/**
 * ReLU of a 3×3 convolution plus bias. tfjs fuses the three only where no gradient is asked for; written out, a training step
 * keeps one activation instead of three.
 */
export function convolve(x: tf.Tensor4D, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor4D {
  const run = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [x, filter, bias, save] = inputs as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, tf.GradSaveFunc];
    const y = rectified(x, filter, bias);
    save([x, filter, y]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, filter, y] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
        const [dSum, dBias] = rectifierGradient(dy, y);
        return [inputGradient(dSum, filter, x), filterGradient(x, dSum, filter), dBias];
      },
    };
  });
  return run(x, filter, bias) as tf.Tensor4D;
}

const rectified = (x: tf.Tensor4D, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor4D =>
  tf.engine().runKernel("FusedConv2D", { x, filter, bias }, { ...SAME, activation: "relu" });

const filterGradient = (x: tf.Tensor4D, dy: tf.Tensor, { shape }: tf.Tensor4D): tf.Tensor =>
  tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, { ...SAME, filterShape: shape });

const inputGradient = (dy: tf.Tensor, filter: tf.Tensor4D, x: tf.Tensor4D): tf.Tensor =>
  tf.conv2dTranspose(dy as tf.Tensor4D, filter, x.shape, 1, "same");

/**
 * Gradients of y = relu(sum + bias), from that of y: of the sum, and of the bias of the last axis.
 * @param over whether dy, which nobody reads any more, may be written over
 */
function rectifierGradient(dy: tf.Tensor, y: tf.Tensor4D, over = false): [tf.Tensor, tf.Tensor] {
  if (hasKernel("ReluBiasGrad")) return tf.engine().runKernel("ReluBiasGrad", { dy, y }, { over });
  const dSum = dy.mul(tf.step(y));
  return [dSum, dSum.sum([0, 1, 2])];
}
