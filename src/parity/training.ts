import * as tf from "@tensorflow/tfjs";
import { imageOf } from "../models/decoder.js";
import { Model } from "../models/model.js";
import { AdamW } from "../training/adamw.js";
import { lossOf, type LossSpec } from "../training/losses.js";
import { FORWARD, GRADIENT, relativeL2, type Comparison, type Reference } from "./reference.js";

export async function checkFocalLoss(reference: Reference): Promise<Comparison[]> {
  const { alpha, gamma } = reference.about;
  const spec: LossSpec = { kind: "focal", alpha, gamma };
  const [logits, labels] = [reference.tensor<tf.Tensor2D>("logits"), reference.tensor<tf.Tensor1D>("labels")];
  const { value, grad } = tf.valueAndGrad((z: tf.Tensor2D) => lossOf(spec, z, labels))(logits);
  tf.dispose([logits, labels]);
  return [
    await reference.compare(value, "loss", FORWARD),
    await reference.compare(grad, "grad_logits", GRADIENT),
  ];
}

/** The reference's name of each variable of the model. */
const names: Record<string, string> = {
  "decoder.conv1Kernel": "conv1_w",
  "decoder.conv1Bias": "conv1_b",
  "decoder.conv2Kernel": "conv2_w",
  "decoder.conv2Bias": "conv2_b",
  "decoder.linearKernel": "fc_w",
  "decoder.linearBias": "fc_b",
  "0.meanOffset": "mean_offset",
  "0.scaledVariance": "c",
};

/** The whole decoder: logits, loss, gradients, and every parameter after the reference's AdamW steps. */
export async function checkDecoder(reference: Reference): Promise<Comparison[]> {
  const { heads, lr, weight_decay: weightDecay, steps } = reference.about;
  const [, layers, features] = reference.host("x").shape as [number, number, number];
  const [hidden] = reference.host("init.conv1_w").shape as [number];
  const [classes] = reference.host("init.fc_b").shape as [number];
  const model = new Model({
    layers,
    features,
    hidden,
    classes,
    stages: [{ kind: "density", heads }],
    seed: 1,
  });
  const variables = Object.entries(model.variables);
  for (const [name, variable] of variables) {
    tf.tidy(() => variable.assign(fromTorch(reference.tensor(`init.${names[name]}`), layers, features)));
  }
  const compare = (tensor: tf.Tensor, name: string) =>
    reference.compare(
      tf.tidy(() => toTorch(tensor, reference.host(name).shape, layers, features)),
      name,
      GRADIENT,
    );

  const optimiser = new AdamW(model.trainable, { weightDecay });
  const [x, labels] = [reference.tensor<tf.Tensor3D>("x"), reference.tensor<tf.Tensor1D>("labels")];
  const compared = [await reference.compare(model.forward(x), "logits", FORWARD)];
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, grads } = tf.variableGrads(
      () => lossOf({ kind: "cross-entropy" }, model.forward(x, true), labels),
      model.trainable,
    );
    losses.push((await value.data())[0]!);
    if (step === 0) {
      for (const [name, variable] of variables) {
        compared.push(await compare(grads[variable.name]!, `grad.${names[name]}`));
      }
    }
    optimiser.step(
      model.trainable.map(({ name }) => grads[name]!),
      lr,
    );
    tf.dispose([value, grads]);
  }
  const expected = reference.host("losses").data;
  compared.push({ quantity: "losses", error: relativeL2(losses, expected), tolerance: GRADIENT });
  for (const [name, variable] of variables) compared.push(await compare(variable, `final.${names[name]}`));
  tf.dispose([x, labels]);
  model.dispose();
  optimiser.dispose();
  return compared;
}

/** PyTorch's [out, in, h, w] to [h, w, in, out], and its linear weight over (layer, h, w) to one over (h, w, layer). */
function fromTorch(tensor: tf.Tensor, layers: number, features: number): tf.Tensor {
  if (tensor.rank === 4) return tensor.transpose([2, 3, 1, 0]);
  if (tensor.shape[1] !== layers * features) return tensor;
  const [height, width] = imageOf(features);
  return tensor
    .reshape([-1, layers, height, width])
    .transpose([2, 3, 1, 0])
    .reshape([layers * features, -1]);
}

function toTorch(tensor: tf.Tensor, shape: number[], layers: number, features: number): tf.Tensor {
  if (tensor.rank === 4) return tensor.transpose([3, 2, 0, 1]);
  if (tensor.shape[0] !== layers * features) return tensor.reshape(shape);
  const [height, width] = imageOf(features);
  return tensor.reshape([height, width, layers, -1]).transpose([3, 2, 0, 1]).reshape(shape);
}
