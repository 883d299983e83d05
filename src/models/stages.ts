import * as tf from "@tensorflow/tfjs";
import { densityAttention } from "../attention/density.js";
import { dotProductAttention, linear } from "../attention/dot-product.js";
import { groupedQueryAttention, type GroupedQueryForm } from "../attention/grouped-query.js";
import { layerWeights } from "../attention/layer-weights.js";
import { mixtureAttention } from "../attention/mixture.js";
import type { Module } from "../attention/module.js";
import { constant, torchDefault, trainable } from "../parameters.js";
import { UserError } from "../errors.js";

/** One stage between hidden states and decoder; sizes that depend on the encoder are resolved when a model is built. */
export type Stage =
  /** Keep these layers (counted from 0) alone. */
  | { kind: "layers"; indices: number[] }
  /** Density adaptive attention; `train` names what learns (both by default). */
  | { kind: "density"; heads: number; train?: ("meanOffset" | "scaledVariance")[] }
  /** Mixture of densities as a density block (adds its input). */
  | { kind: "mixture"; heads: number; gaussians: number }
  | { kind: "dot-product"; heads: number; over: "layers" | "batch" }
  | { kind: "linear"; features: number }
  | { kind: "grouped-query"; queryHeads: number; keyValueHeads: number; form: GroupedQueryForm }
  | { kind: "layer-weights" }
  /** All of it times one number, which does not learn. */
  | { kind: "multiply"; factor: number }
  | { kind: "batch-norm" };

export interface Size {
  layers: number;
  features: number;
}

/** The module of each kind of stage: a new stage is one entry here and one member of {@link Stage}. */
const builders: { [K in Stage["kind"]]: (stage: Extract<Stage, { kind: K }>, size: Size) => Module } = {
  layers: chooseLayers,
  density: (stage, size) => densityAttention({ ...size, ...stage }),
  mixture: (stage, size) => mixtureAttention({ ...size, ...stage }),
  "dot-product": (stage, size) => dotProductAttention({ ...size, ...stage }),
  linear: (stage, size) => linearStage(stage.features, size),
  "grouped-query": (stage, size) => groupedQueryAttention({ ...size, ...stage }),
  "layer-weights": (_, size) => layerWeights(size),
  multiply,
  "batch-norm": (_, size) => batchNorm(size),
};

/** The module of a stage at the size of its input. */
export function buildStage(stage: Stage, size: Size): Module {
  return (builders[stage.kind] as (stage: Stage, size: Size) => Module)(stage, size);
}

/** Keeps the layers of the given indices, counted from 0. */
function chooseLayers({ indices }: { indices: number[] }, { layers, features }: Size): Module {
  const outside = indices.find((index) => !(index >= 0 && index < layers));
  if (outside !== undefined || indices.length === 0) {
    throw new UserError(`layer ${outside} is not among the ${layers} layers: choose 0 to ${layers - 1}`);
  }
  return {
    parameters: {},
    outputShape: [indices.length, features],
    held: (items) => ({ forward: items * indices.length * features, backward: items * layers * features }),
    apply: (x) =>
      tf.tidy(() =>
        tf.concat(
          indices.map((i) => x.slice([0, i, 0], [-1, 1, -1])),
          1,
        ),
      ), // (B, N, d) → (B, n, d)
  };
}

function multiply({ factor }: { factor: number }, { layers, features }: Size): Module {
  const numbers = (items: number) => items * layers * features;
  return {
    parameters: {},
    outputShape: [layers, features],
    held: (items) => ({ forward: numbers(items), backward: numbers(items) }),
    apply: (x) => x.mul(factor),
  };
}

/** A linear map of the features with PyTorch's default initial values. */
function linearStage(width: number, { layers, features }: Size): Module {
  return {
    parameters: {
      kernel: trainable([features, width], torchDefault(features)),
      bias: trainable([width], torchDefault(features)),
    },
    outputShape: [layers, width],
    held: (items) => ({ forward: 2 * items * layers * width, backward: items * layers * features }),
    apply: (x, p) =>
      tf.tidy(() => linear(x.reshape([-1, features]), p.kernel!, p.bias!).reshape([-1, layers, width])),
  };
}

const NORM = { epsilon: 1e-5, momentum: 0.1 };

/**
 * Batch norm over batch and features of each layer: PyTorch's `BatchNorm1d(layers)` on [batch, layers, features].
 * Training moves the running statistics (variance unbiased) towards the batch's.
 */
function batchNorm({ layers, features }: Size): Module {
  const perLayer = (value: number) => trainable([layers], constant(value));
  return {
    parameters: {
      scale: perLayer(1),
      offset: perLayer(0),
      runningMean: { ...perLayer(0), trainable: false },
      runningVariance: { ...perLayer(1), trainable: false },
    },
    outputShape: [layers, features],
    held: (items) => ({ forward: 5 * items * layers * features, backward: 6 * items * layers * features }),
    mixesItems: true,
    apply: (x, p, training) =>
      tf.tidy(() => {
        const perFeature = (t: tf.Tensor) => t.expandDims(1); // (N) → (N, 1)
        const mean = training ? x.mean([0, 2], true) : perFeature(p.runningMean!);
        const centred = x.sub(mean);
        const variance = training ? centred.square().mean([0, 2], true) : perFeature(p.runningVariance!);
        if (training) {
          const n = x.shape[0] * features;
          follow(p.runningMean!, mean.reshape([layers]));
          follow(p.runningVariance!, variance.reshape([layers]).mul(n / (n - 1)));
        }
        return centred
          .div(variance.add(NORM.epsilon).sqrt())
          .mul(perFeature(p.scale!))
          .add(perFeature(p.offset!)) as tf.Tensor3D;
      }),
  };
}

function follow(running: tf.Tensor, seen: tf.Tensor): void {
  if (!(running instanceof tf.Variable)) return;
  running.assign(running.mul(1 - NORM.momentum).add(seen.mul(NORM.momentum)));
}
