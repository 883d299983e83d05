import * as tf from "@tensorflow/tfjs";
import type { Tensors } from "../parameters.js";
import { UserError } from "../errors.js";
import { openCheckpoint } from "../formats/checkpoint.js";
import type { Checkpoint, StoredTensor } from "../formats/stored-tensor.js";
import type { Architecture, Blueprint, Context, EncoderInput, Stage } from "./architecture.js";
import { Config } from "./config.js";
import { declaredClass, findHead } from "./heads.js";
import { publishedNames } from "./names.js";
import { modelTypeOf, refuseOtherFolder, refuseQuantised, refuseUnmerged } from "./refusals.js";
import { architectures } from "./registry.js";
import { checkDepth, checkNeeds, loadWeights, Weights, type Adapt } from "./weights.js";

export type { Context, EncoderInput } from "./architecture.js";
export type { Adapt } from "./weights.js";

/** A batch on its way through the layers: hidden state [batch, tokens, features] and what the layers share. */
export type State = {
  hidden: tf.Tensor3D;
  context: Context;
};

/** A loaded layer. Its weights are frozen tensors; linear ones are [out, in] as in the checkpoint. */
export interface Layer {
  readonly weights: Weights;
  /**
   * The next hidden state [batch, tokens, features]; differentiable in the hidden state and in whatever `adapt` adds (keep the
   * layer until the gradients are computed). The caller owns the result; `state` is left as it is.
   */
  apply(state: State, adapt?: Adapt): tf.Tensor3D;
  /** Frees the weights, unless the encoder is resident. */
  dispose(): void;
}

/** What makes hidden state 0, loaded. */
export interface Embedding {
  /** [batch, tokens, features], which the caller owns. */
  apply(input: EncoderInput, context: Context): tf.Tensor3D;
  /** Frees the weights, unless the encoder is resident. */
  dispose(): void;
}

export interface OpenOptions {
  /** keep every weight on the backend from the start (training, small encoders) instead of one stage at a time */
  resident?: boolean;
}

/**
 * Opens an encoder from a Hugging Face folder (config.json, and weights as safetensors or pytorch_model.bin, sharded or not).
 * Its names may be those of any class with any head, of whatever wrapped it; see `publishedNames`.
 * @throws UserError for an unknown `model_type`, a damaged, unsafe or quantised checkpoint, a missing tensor, or shapes or a number of layers
 *   that contradict the config; all of that from the files' headers, before any weight is read.
 */
export async function openEncoder(folder: string, { resident = false }: OpenOptions = {}): Promise<Encoder> {
  refuseOtherFolder(folder);
  const config = Config.read(folder, "config.json");
  const modelType = modelTypeOf(config);
  const architecture = architectures[modelType]!;
  const stored = await openCheckpoint(folder);
  refuseUnmerged(folder, stored);
  refuseQuantised(folder, config, stored);
  const checkpoint = publishedNames(architecture, stored, folder);
  const { tied } = architecture;
  // of two tensors that are one, a file may keep either
  if (
    tied &&
    config.flag("tie_word_embeddings", false) &&
    !checkpoint.has(tied.name) &&
    checkpoint.has(tied.as)
  )
    checkpoint.set(tied.name, checkpoint.get(tied.as)!);
  const blueprint = architecture.blueprint(config);
  return new Encoder(folder, modelType, architecture, blueprint, checkpoint, resident, declaredClass(config));
}

/**
 * A frozen encoder: inputs → hidden states → logits where the checkpoint has a head. Hidden states count as in transformers 5.18: 0
 * is the embedding output, `layers` the last layer's (for Llama after the final norm, for WavLM before it).
 */
export class Encoder {
  readonly modality: Architecture["modality"];
  readonly inputName: string;
  readonly layers: number;
  /** width of every hidden state */
  readonly features: number;
  /** classes of the checkpoint's head; 0 where it has none, or another than logits are computed with */
  readonly classes: number;
  private readonly kept = new Map<Stage<unknown>, Weights>();
  private readonly stages: Pick<Blueprint, "context" | "embed" | "pool"> & { layers: LayerStage[] };
  private readonly head?: ReturnType<Blueprint["head"]>;
  private readonly noHead?: string;
  /** the checkpoint's own tensors, and those that others stand in for now */
  private readonly own: Checkpoint;
  private replaced: readonly string[] = [];

  constructor(
    readonly folder: string,
    /** key of the registry, config.json's `model_type` */
    readonly modelType: string,
    readonly architecture: Architecture,
    readonly blueprint: Blueprint,
    private checkpoint: Checkpoint,
    resident: boolean,
    /** the class that config.json names in `architectures` */
    declared?: string,
  ) {
    ({ modality: this.modality, inputName: this.inputName } = architecture);
    ({ layers: this.layers, features: this.features } = blueprint);
    this.own = checkpoint;
    const check = <S extends Stage<unknown>>(stage: S): S => {
      checkNeeds(folder, checkpoint, stage.needs);
      return stage;
    };
    const layers: LayerStage[] = [];
    for (let i = 0; i < this.layers; i++) layers.push(check(blueprint.layer(i)));
    checkDepth(folder, checkpoint, blueprint.layer(0).needs, this.layers);
    const { context, embed, pool } = blueprint;
    this.stages = { context: check(context), embed: check(embed), layers, pool };
    const found = findHead(folder, architecture, blueprint, checkpoint, declared);
    this.classes = found.classes;
    if ("refusal" in found) this.noHead = found.refusal;
    else this.head = blueprint.head(found.classes);
    if (resident) {
      const all: Stage<unknown>[] = [context, embed, ...layers];
      // gradients through a new head need them after the forward pass
      if (Object.keys(pool.needs).every((name) => checkpoint.has(name))) all.push(pool);
      if (this.head) all.push(this.head);
      for (const stage of all) this.kept.set(stage, this.load(stage));
    }
  }

  /** What the layers share for a batch. @throws UserError for an input that does not fit the encoder. */
  context(input: EncoderInput): Context {
    this.checkInput(input);
    return this.with(this.stages.context, (weights, stage) => stage.apply(weights, input));
  }

  /** Hidden state 0 and its context. @throws UserError for an input that does not fit the encoder. */
  embed(input: EncoderInput): State {
    const context = this.context(input);
    const embedding = this.embedding();
    try {
      return { hidden: embedding.apply(input, context), context };
    } finally {
      embedding.dispose();
    }
  }

  /** Loads what makes hidden state 0 of an input. */
  embedding(): Embedding {
    const stage = this.stages.embed;
    const weights = this.kept.get(stage) ?? this.load(stage);
    return {
      apply: (input, context) => tf.tidy(() => stage.apply(weights, input, context)),
      dispose: () => this.release(stage, weights),
    };
  }

  /** Loads layer `index`, which turns hidden state `index` into `index + 1`. */
  layer(index: number): Layer {
    const stage = this.stages.layers[index];
    if (!stage)
      throw new UserError(
        `${this.folder} has the layers 0 to ${this.layers - 1}; there is no layer ${index}`,
      );
    const weights = this.kept.get(stage) ?? this.load(stage);
    return {
      weights,
      apply: ({ hidden, context }, adapt) =>
        tf.tidy(() => stage.apply(weights.adapted(adapt), hidden, context)),
      dispose: () => this.release(stage, weights),
    };
  }

  /** All hidden states of one batch, `layers` + 1 of them, each [batch, tokens, features]. One layer is loaded at a time. */
  hiddenStates(input: EncoderInput): tf.Tensor3D[] {
    const { hidden, context } = this.embed(input);
    const states = [hidden];
    for (let i = 0; i < this.layers; i++) {
      const layer = this.layer(i);
      states.push(layer.apply({ hidden: states[i]!, context }));
      layer.dispose();
    }
    tf.dispose(context);
    return states;
  }

  /**
   * What a head reads off the last hidden state, [batch, features]: WavLM's mean over time after the final norm, Llama's last token,
   * BEiT's normalised mean of the patches (or class token).
   * @throws UserError if the checkpoint lacks the norm of that.
   */
  pool({ hidden, context }: State): tf.Tensor2D {
    checkNeeds(this.folder, this.checkpoint, this.stages.pool.needs);
    return this.with(this.stages.pool, (weights, stage) => stage.apply(weights, hidden, context));
  }

  /**
   * Logits [batch, classes] of the last hidden state.
   * @param replaced tensors of the head, by published name, linear weights [out, in], that stand in for the checkpoint's and are
   *   differentiable; with all of them, of any number of classes, the checkpoint needs no head
   * @throws UserError if there is neither the checkpoint's head nor a whole one; it names the head that is there.
   */
  logits(last: State, replaced: Tensors = {}): tf.Tensor2D {
    const head = this.head ?? this.newHead(replaced);
    return tf.tidy(() =>
      this.with(head, (weights) => head.apply(weights.replaced(replaced), this.pool(last))),
    );
  }

  private newHead(replaced: Tensors): ReturnType<Blueprint["head"]> {
    const classifier = replaced[this.architecture.classifier];
    if (!classifier) throw new UserError(this.noHead!);
    const { needs, ...stage } = this.blueprint.head(classifier.shape[0]!);
    const missing = Object.fromEntries(Object.entries(needs).filter(([name]) => !(name in replaced)));
    checkNeeds(this.folder, this.checkpoint, missing);
    return { ...stage, needs: missing };
  }

  /**
   * Puts tensors in the place of the checkpoint's own, by published name, until the next call: what an adapter brings that is no
   * low-rank update, such as biases or embeddings. Kept weights of the stages concerned are read anew.
   * @throws UserError for one that does not have its shape; the encoder then is as it was.
   */
  replace(changes: ReadonlyMap<string, (stored: StoredTensor | undefined) => StoredTensor>): void {
    const changed = new Map([...changes].map(([name, change]) => [name, change(this.own.get(name))]));
    for (const name of changed.keys()) {
      const own = this.own.get(name);
      if (own) checkNeeds(this.folder, changed, { [name]: { shape: own.shape } });
    }
    const concerned = new Set([...this.replaced, ...changed.keys()]);
    this.checkpoint = new Map([...this.own, ...changed]);
    this.replaced = [...changed.keys()];
    for (const [stage, weights] of this.kept)
      if (Object.keys(stage.needs).some((name) => concerned.has(name))) weights.renew(this.load(stage));
  }

  /** Frees what a resident encoder keeps. */
  dispose(): void {
    for (const weights of this.kept.values()) weights.dispose();
    this.kept.clear();
  }

  private load(stage: Stage<unknown>): Weights {
    return loadWeights(this.checkpoint, stage.needs, stage.prepare);
  }

  private with<S extends Stage<unknown>, T extends tf.TensorContainer>(
    stage: S,
    run: (weights: Weights, stage: S) => T,
  ): T {
    const weights = this.kept.get(stage) ?? this.load(stage);
    try {
      return tf.tidy(() => run(weights, stage));
    } finally {
      this.release(stage, weights);
    }
  }

  private release(stage: Stage<unknown>, weights: Weights): void {
    if (!this.kept.has(stage)) weights.dispose();
  }

  private checkInput({ values, mask }: EncoderInput): void {
    const rank = this.modality === "image" ? 4 : 2;
    const dtype = this.modality === "text" ? "int32" : "float32";
    if (values.shape.length !== rank || values.dtype !== dtype || values.shape[0] === 0)
      throw new UserError(
        `${this.folder} takes ${this.modality} as ${dtype} of rank ${rank}, not ${values.dtype} [${values.shape.join(", ")}]`,
      );
    if (mask && mask.shape.join() !== values.shape.join())
      throw new UserError(
        `a mask of [${mask.shape.join(", ")}] does not fit inputs of [${values.shape.join(", ")}]`,
      );
  }
}

type LayerStage = ReturnType<Blueprint["layer"]>;
