import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { fineTuningParameters, type FineTuning } from "../adapters/fine-tuning.js";
import { adapt } from "../adapters/low-rank.js";
import type { Adapter } from "../adapters/peft.js";
import { initialise, type ParameterSpec } from "../parameters.js";
import type { EncoderInput } from "../encoders/architecture.js";
import type { Adapt, Encoder, State } from "../encoders/encoder.js";
import { randomStream } from "../random.js";
import { AdamW } from "./adamw.js";
import type { Checkpoint } from "./checkpoint.js";
import { runEpochs, type CourseOptions, type Learned } from "./epochs.js";
import type { EpochRecord, Left, Learner } from "./learner.js";
import { lossOf } from "./losses.js";

/** Raw items with a label each. */
export interface RawExamples {
  /** The given items as one batch of the encoder's. */
  read(items: Int32Array): EncoderInput;
  labels: Int32Array;
}

export interface RawDataset {
  classes: number;
  train: RawExamples;
  test: RawExamples;
}

/** The learning rate is that of A and the head. The streams of the seed: order of the batches, update, head. */
export interface FineTuneOptions extends CourseOptions {
  fineTuning: FineTuning;
  /** Numbers that a step may keep for its gradients; layers are recomputed in groups beyond it. */
  keptNumbers?: number;
}

const KEPT_NUMBERS = 2e8;
/** Numbers of hidden states below the first adapted layer that are kept between steps: a gigabyte. */
const KEPT_BELOW = 2 ** 28;

/**
 * A resident encoder whose low-rank update and new head learn. What lies below the first adapted layer is computed once an item;
 * above it, layers whose intermediate results would be too many are computed again in the backward pass.
 */
export class FineTuner implements Learner {
  /** A, B and the head's tensors by published name; what is frozen of the head is not trainable. */
  readonly update: Record<string, tf.Variable>;
  readonly head: Record<string, tf.Variable>;
  private readonly hook?: Adapt;
  /** Index of the first adapted layer; the number of layers where none is. */
  private readonly first: number;
  private readonly groups: { variables: tf.Variable[]; ratio: number; optimiser: AdamW }[];
  private readonly below = new Map<RawExamples, Map<number, Float32Array>>();
  private room = KEPT_BELOW;

  constructor(
    private readonly encoder: Encoder,
    private readonly data: RawDataset,
    private readonly options: FineTuneOptions,
  ) {
    const { fineTuning, seed } = options;
    const specs = fineTuningParameters(fineTuning, encoder, data.classes);
    const drawn = (part: Record<string, ParameterSpec>, stream: string) => {
      const random = randomStream(seed, stream);
      return Object.fromEntries(Object.entries(part).map(([name, spec]) => [name, initialise(spec, random)]));
    };
    this.update = drawn(specs.update, "update");
    this.head = drawn(specs.head, "head");
    const updates = Object.entries(this.update);
    if (updates.length) this.hook = adapt({ form: fineTuning.form, parameters: this.update });
    const layers = Array.from({ length: encoder.layers }, (_, i) => i);
    this.first = layers.find((i) => this.updateOf(i).length) ?? encoder.layers;
    const isB = (name: string) => name.endsWith(".lora_B.weight");
    const trainedHead = Object.values(this.head).filter(({ trainable }) => trainable);
    this.groups = [
      {
        ratio: 1,
        variables: [...updates.flatMap(([name, a]) => (isB(name) ? [] : [a])), ...trainedHead],
      },
      { ratio: fineTuning.ratio, variables: updates.flatMap(([name, b]) => (isB(name) ? [b] : [])) },
    ]
      .filter(({ variables }) => variables.length)
      .map((group) => ({ ...group, optimiser: new AdamW(group.variables, options) }));
  }

  /** The update and the whole new head: what of it was frozen was drawn at random, and without it nobody has the logits again. */
  get adapter(): Adapter {
    return { form: this.options.fineTuning.form, parameters: this.update, head: this.head };
  }

  get variables(): Record<string, tf.Variable> {
    const named = (prefix: string, part: Record<string, tf.Variable>) =>
      Object.entries(part).map(([name, variable]) => [`${prefix}.${name}`, variable] as const);
    return Object.fromEntries([...named("update", this.update), ...named("head", this.head)]);
  }

  get optimisers(): AdamW[] {
    return this.groups.map(({ optimiser }) => optimiser);
  }

  /** Computes again what is kept below the first adapted layer, in the batches in which it was: others might give other digits. */
  revisit(of: "train" | "test", items: Int32Array): void {
    const examples = this.data[of];
    const kept = this.below.get(examples);
    if (!kept || items.some((item) => !kept.has(item))) tf.dispose(this.stateBelow(examples, items));
  }

  async step(items: Int32Array, learningRate: number): Promise<Left> {
    const { train } = this.data;
    const state = this.stateBelow(train, items);
    const { loss, gradients } = this.gradients(state, labelsOf(train, items));
    for (const { variables, ratio, optimiser } of this.groups)
      optimiser.step(
        variables.map((variable) => gradients.get(variable)!),
        ratio * learningRate,
      );
    // steps are long: they are not queued, and a worker hears here that it is to end
    await loss.data();
    tf.dispose([state, ...gradients.values()]);
    await setImmediate();
    return { losses: [loss] };
  }

  async test(items: Int32Array): Promise<Left> {
    const { test } = this.data;
    const state = this.stateBelow(test, items);
    const [guess, loss] = tf.tidy(() => {
      const { layers } = this.encoder;
      const hidden = this.through({ from: this.first, to: layers }, state.hidden, state);
      const logits = this.encoder.logits({ ...state, hidden }, this.head);
      return [
        logits.argMax<tf.Tensor1D>(1),
        lossOf(this.options.loss, logits, labelsOf(test, items)),
      ] as const;
    });
    tf.dispose(state);
    return { classes: [guess], losses: [loss] };
  }

  /**
   * Mean loss and its gradients by trained variable, from the hidden state below the first adapted layer. The caller owns both.
   * @param labels int32 [batch]; disposed here
   */
  gradients(state: State, labels: tf.Tensor1D): { loss: tf.Scalar; gradients: Map<tf.Variable, tf.Tensor> } {
    const gradients = new Map<tf.Variable, tf.Tensor>();
    const groups = this.layerGroups(state.hidden);
    const inputs = [state.hidden];
    for (const group of groups.slice(0, -1)) inputs.push(this.through(group, inputs.at(-1)!, state));
    const last = groups.at(-1)!;
    const trainedHead = Object.values(this.head).filter(({ trainable }) => trainable);
    const lossAt = (hidden: tf.Tensor3D) =>
      lossOf(
        this.options.loss,
        this.encoder.logits({ ...state, hidden: this.through(last, hidden, state) }, this.head),
        labels,
      );
    let loss: tf.Tensor | undefined;
    let slope: tf.Tensor | undefined;
    for (const [i, group] of [...groups.entries()].reverse()) {
      const hidden = inputs[i]!;
      const variables = this.variablesOf(group);
      if (group === last) variables.push(...trainedHead);
      const forward = () => (group === last ? lossAt(hidden) : this.through(group, hidden, state));
      const of = [...(i > 0 ? [hidden] : []), ...variables];
      const { value, grads } = of.length
        ? tf.engine().gradients<tf.Tensor>(forward, of, slope)
        : { value: tf.tidy(forward), grads: [] };
      slope?.dispose();
      slope = i > 0 ? grads.shift() : undefined;
      variables.forEach((variable, at) => gradients.set(variable, grads[at]!));
      if (loss) value.dispose();
      else loss = value;
    }
    tf.dispose([labels, inputs.slice(1)]);
    return { loss: loss as tf.Scalar, gradients };
  }

  /** Hidden state below the first adapted layer, from what is kept or from the raw items. The caller owns it. */
  stateBelow(examples: RawExamples, items: Int32Array): State {
    const kept = this.below.get(examples) ?? new Map<number, Float32Array>();
    this.below.set(examples, kept);
    const input = examples.read(items);
    const { features } = this.encoder;
    if (items.every((item) => kept.has(item))) {
      const context = this.encoder.context(input);
      const tokens = context.mean.shape[2];
      const values = new Float32Array(items.length * tokens * features);
      items.forEach((item, i) => values.set(kept.get(item)!, i * tokens * features));
      return { hidden: tf.tensor3d(values, [items.length, tokens, features]), context };
    }
    const { context, hidden: embedded } = this.encoder.embed(input);
    const hidden = tf.tidy(() => this.through({ from: 0, to: this.first }, embedded, { context }).clone());
    embedded.dispose();
    const values = hidden.dataSync<"float32">();
    const tokens = hidden.shape[1];
    items.forEach((item, i) => {
      const own = values.slice(i * tokens * features, (i * tokens + realTokens(input, i, tokens)) * features);
      if (kept.has(item) || own.length > this.room) return;
      this.room -= own.length;
      kept.set(item, own);
    });
    return { hidden, context };
  }

  dispose(): void {
    tf.dispose([this.update, this.head]);
    for (const { optimiser } of this.groups) optimiser.dispose();
  }

  private through({ from, to }: Layers, hidden: tf.Tensor3D, { context }: Pick<State, "context">) {
    return tf.tidy(() => {
      let x = hidden;
      for (let i = from; i < to; i++) x = this.encoder.layer(i).apply({ hidden: x, context }, this.hook);
      return x;
    });
  }

  /** Adjacent layers whose intermediate results are kept at once. */
  private layerGroups({ shape: [batch, tokens, features] }: tf.Tensor3D): Layers[] {
    const { layers } = this.encoder;
    // measured: a layer keeps some eighty hidden states' worth and, at 32 features a head, a dozen maps of attention
    const perLayer = batch * tokens * features * (80 + 0.4 * tokens);
    const size = Math.max(1, Math.floor((this.options.keptNumbers ?? KEPT_NUMBERS) / perLayer));
    const groups: Layers[] = [];
    for (let to = layers; to > this.first; to -= size)
      groups.unshift({ from: Math.max(this.first, to - size), to });
    return groups.length ? groups : [{ from: layers, to: layers }];
  }

  private variablesOf({ from, to }: Layers): tf.Variable[] {
    return Array.from({ length: to - from }, (_, i) => this.updateOf(from + i)).flat();
  }

  /** Variables of the update in one layer. */
  private updateOf(layer: number): tf.Variable[] {
    const names = Object.keys(this.encoder.blueprint.layer(layer).needs);
    const projections = new Set(names.map((name) => name.replace(/\.weight$/, "")));
    return Object.entries(this.update).flatMap(([name, variable]) =>
      projections.has(name.replace(/\.lora_[AB]\.weight$/, "")) ? [variable] : [],
    );
  }
}

interface Layers {
  from: number;
  /** The first that is not among them. */
  to: number;
}

/** Tokens of an item that are no padding; padding of texts stands on the right. */
function realTokens({ values, mask }: EncoderInput, item: number, tokens: number): number {
  const columns = values.shape[1]!;
  if (!mask || columns !== tokens) return tokens;
  return mask.data.subarray(item * columns, (item + 1) * columns).lastIndexOf(1) + 1;
}

function labelsOf({ labels }: RawExamples, items: Int32Array): tf.Tensor1D {
  return tf.tensor1d(
    items.map((item) => labels[item]!),
    "int32",
  );
}

/**
 * Trains a low-rank update and a new head on raw items, and tests them after every epoch. The rate stays as it is.
 * @param encoder resident; its weights stay as they are
 * @param checkpoint keeps where the training stands, and where it goes on from
 * @param finished sees the trained adapter, whose tensors are freed after it
 */
export async function fineTune(
  encoder: Encoder,
  data: RawDataset,
  options: FineTuneOptions,
  {
    onEpoch,
    finished,
    checkpoint,
  }: {
    onEpoch?: (record: EpochRecord) => void;
    finished?: (adapter: Adapter) => Promise<void>;
    checkpoint?: Checkpoint;
  } = {},
): Promise<Learned> {
  const tuner = new FineTuner(encoder, data, options);
  try {
    const learned = await runEpochs(
      tuner,
      {
        ...options,
        classes: data.classes,
        trainItems: data.train.labels.length,
        testLabels: data.test.labels,
        patience: Infinity,
      },
      onEpoch,
      checkpoint,
    );
    await finished?.(tuner.adapter);
    return learned;
  } finally {
    tuner.dispose();
  }
}
