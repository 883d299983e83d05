import * as tf from "@tensorflow/tfjs";
import { UserError } from "../../errors.js";
import type { Module } from "../module.js";
import type { Initial, Tensors } from "../../parameters.js";

type LayerArgs = NonNullable<ConstructorParameters<typeof tf.layers.Layer>[0]>;

export interface AttentionLayerArgs extends LayerArgs {
  /** Seed of the initial values; drawn at random when left out. */
  seed?: number;
}

/** Of an input. */
export type Size = { layers: number; features: number };

/** Options without the size, which a layer takes from its input. */
export type Sizeless<T> = Omit<T, keyof Size>;

/** An initialiser of tfjs for each distribution of the parameters. */
class DrawnInitializer extends tf.serialization.Serializable {
  /** @nocollapse */
  static className = "DensityAttentionInitializer";

  constructor(private readonly config: { initial: Initial; seed?: number }) {
    super();
  }

  fromConfigUsesCustomObjects(): boolean {
    return false;
  }

  apply(shape: tf.Shape): tf.Tensor {
    const { initial, seed } = this.config;
    const size = shape as number[];
    switch (initial.kind) {
      case "constant":
        return tf.fill(size, initial.value);
      case "uniform":
        return tf.randomUniform(size, -initial.bound, initial.bound, "float32", seed);
      case "normal":
        return tf.randomNormal(size, 0, initial.sd, "float32", seed);
      case "exp-normal":
        return tf.tidy(() => tf.randomNormal(size, 0, 1, "float32", seed).exp());
    }
  }

  getConfig(): tf.serialization.ConfigDict {
    return { initial: { ...this.config.initial }, seed: this.config.seed ?? null };
  }
}

/** A mechanism as a `tf.layers.Layer` on [batch, layers, features]; weights are the module's parameters by name. */
export abstract class AttentionLayer<Args extends object> extends tf.layers.Layer {
  private module?: Module;
  private readonly parameters: Record<string, ReturnType<AttentionLayer<Args>["addWeight"]>> = {};

  /** @throws UserError for an option that the mechanism needs and that is missing */
  constructor(protected readonly args: Args & AttentionLayerArgs = {} as Args & AttentionLayerArgs) {
    super(args);
    const missing = this.required().find((name) => args[name] === undefined || args[name] === null);
    if (missing !== undefined)
      throw new UserError(
        `${this.getClassName()} needs the option "${missing}": new ${this.getClassName()}({ ${missing}: … })`,
      );
  }

  /** Options without a default. */
  protected abstract required(): readonly (keyof Args & string)[];

  protected abstract create(size: Size): Module;

  /** What rebuilds the mechanism, for `getConfig`. */
  protected abstract options(): tf.serialization.ConfigDict;

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const [, layers, features, ...more] = oneShape(inputShape);
    if (!layers || !features || more.length) {
      throw new UserError(
        `${this.getClassName()} needs an input of shape [batch, layers, features], not [${inputShape}]`,
      );
    }
    this.module = this.create({ layers, features });
    Object.entries(this.module.parameters).forEach(([name, spec], i) => {
      // Parameters of one layer must not repeat each other's numbers; tfjs takes a seed of 0 for none.
      const seed = this.args.seed === undefined ? undefined : this.args.seed * 31 + i + 1;
      const initializer = new DrawnInitializer({ initial: spec.initial, seed });
      this.parameters[name] = this.addWeight(
        name,
        spec.shape,
        "float32",
        initializer,
        undefined,
        spec.trainable,
      );
    });
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    return tf.tidy(() => this.module!.apply(oneTensor(inputs), this.values(), kwargs.training));
  }

  /**
   * The attention map of an input: see the mechanism for its shape.
   * @throws UserError for a layer that is not built yet, or whose weights do not depend on its input
   */
  map(inputs: tf.Tensor): tf.Tensor {
    if (!this.module)
      throw new UserError(
        `${this.getClassName()} is not built yet: put it into a model, or apply it to an input, before asking for its map`,
      );
    if (!this.module.map)
      throw new UserError(
        `${this.getClassName()} has no attention map, since its weights are the same for every input: read them with getWeights()`,
      );
    return this.module.map(inputs as tf.Tensor3D, this.values());
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return oneShape(inputShape);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.options(), seed: this.args.seed ?? null };
  }

  private values(): Tensors {
    return Object.fromEntries(Object.entries(this.parameters).map(([name, weight]) => [name, weight.read()]));
  }
}

/** Makes a class known to `tf.loadLayersModel`. */
export function register(layer: unknown): void {
  tf.serialization.registerClass(layer as tf.serialization.SerializableConstructor<tf.layers.Layer>);
}

function oneShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
  return Array.isArray(shape[0]) ? (shape[0] as tf.Shape) : (shape as tf.Shape);
}

function oneTensor(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor3D {
  return (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor3D;
}
