import * as tf from "@tensorflow/tfjs";
import type { Module } from "../attention/module.js";
import { initialise } from "../parameters.js";
import type { ParameterSpec } from "../parameters.js";
import { randomStream } from "../random.js";
import { decode, decoderParameters, type DecoderOptions } from "./decoder.js";
import { buildStage, type Size, type Stage } from "./stages.js";

export interface ModelOptions extends DecoderOptions {
  stages: Stage[];
  seed: number;
}

/** Stages between hidden states and decoder, built for hidden states of one size. */
export function buildStages(stages: readonly Stage[], input: Size): Module[] {
  let size = input;
  return stages.map((stage) => {
    const module = buildStage(stage, size);
    const [layers, features] = module.outputShape;
    size = { layers, features };
    return module;
  });
}

export function outputSize(modules: readonly Module[], input: Size): Size {
  const [layers, features] = modules.at(-1)?.outputShape ?? [input.layers, input.features];
  return { layers, features };
}

/** Whether anything of a module is trained. */
export const learns = ({ parameters }: Module): boolean =>
  Object.values(parameters).some(({ trainable }) => trainable);

/**
 * Hidden states → stages → decoder. Decoder and attention draw their initial values from separate streams of the seed, so
 * that methods of one run start from the same decoder.
 */
export class Model {
  readonly modules: Module[];
  readonly stages: readonly Stage[];
  private readonly stageParameters: Record<string, tf.Variable>[];
  private readonly decoder: Record<string, tf.Variable>;
  private readonly stagesLearn: boolean;

  constructor({ stages, seed, ...options }: ModelOptions) {
    this.stages = stages;
    this.modules = buildStages(stages, options);
    const decoderStream = randomStream(seed, "decoder");
    const attentionStream = randomStream(seed, "attention");
    const all = (specs: Record<string, ParameterSpec>, stream: typeof decoderStream) =>
      Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, initialise(spec, stream)]));
    this.decoder = all(
      decoderParameters({ ...options, ...outputSize(this.modules, options) }),
      decoderStream,
    );
    this.stageParameters = this.modules.map((module) => all(module.parameters, attentionStream));
    this.stagesLearn = this.modules.some(learns);
  }

  /** Logits [batch, classes] of hidden states, float32 [batch, layers, features]. */
  forward(x: tf.Tensor3D, training = false): tf.Tensor2D {
    return tf.tidy(() => {
      const y = this.modules.reduce((y, module, i) => module.apply(y, this.stageParameters[i]!, training), x);
      return decode(y, this.decoder, this.stagesLearn);
    });
  }

  /** Hidden states after the first `count` stages, as at a test. */
  through(x: tf.Tensor3D, count: number): tf.Tensor3D {
    return tf.tidy(() =>
      this.modules.slice(0, count).reduce((y, module, i) => module.apply(y, this.stageParameters[i]!), x),
    );
  }

  /** The attention map of a stage on what reaches it. */
  mapAt(x: tf.Tensor3D, stage: number): tf.Tensor {
    return tf.tidy(() => this.modules[stage]!.map!(this.through(x, stage), this.stageParameters[stage]!));
  }

  /** Weights of the first density stage, [batch, layers, features], or nothing where the method has none. */
  densityMap(x: tf.Tensor3D): tf.Tensor3D | undefined {
    const at = this.densityStage();
    return at < 0 ? undefined : (this.mapAt(x, at) as tf.Tensor3D);
  }

  /** Mean offset and scaled variance of the first density stage. */
  densityParameters(): { meanOffset: tf.Variable; scaledVariance: tf.Variable } | undefined {
    const p = this.stageParameters[this.densityStage()];
    return p && { meanOffset: p.meanOffset!, scaledVariance: p.scaledVariance! };
  }

  private densityStage(): number {
    return this.stages.findIndex(({ kind }) => kind === "density" || kind === "mixture");
  }

  /** Every variable: `decoder.conv1Kernel`, `0.meanOffset`, … */
  get variables(): Record<string, tf.Variable> {
    const named = (prefix: string, group: Record<string, tf.Variable>) =>
      Object.entries(group).map(([name, variable]) => [`${prefix}.${name}`, variable] as const);
    return Object.fromEntries([
      ...named("decoder", this.decoder),
      ...this.stageParameters.flatMap((group, i) => named(String(i), group)),
    ]);
  }

  get trainable(): tf.Variable[] {
    return Object.values(this.variables).filter((variable) => variable.trainable);
  }

  dispose(): void {
    tf.dispose(Object.values(this.variables));
  }
}

/** Trainable parameters of a model, counted from its shapes: all; all but the last linear layer (as the paper counts); the stages'. */
export function countParameters({ stages, ...options }: Omit<ModelOptions, "seed">): {
  total: number;
  withoutLastLinear: number;
  attention: number;
} {
  const modules = buildStages(stages, options);
  const count = (specs: Record<string, ParameterSpec>, skip = /^$/) =>
    Object.entries(specs)
      .filter(([name, spec]) => spec.trainable && !skip.test(name))
      .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const decoder = decoderParameters({ ...options, ...outputSize(modules, options) });
  const attention = modules.reduce((sum, { parameters }) => sum + count(parameters), 0);
  return {
    total: attention + count(decoder),
    withoutLastLinear: attention + count(decoder, /^linear/),
    attention,
  };
}
