import { distance } from "fastest-levenshtein";
import * as tf from "@tensorflow/tfjs";
import type { Tensors } from "../parameters.js";
import { UserError } from "../errors.js";
import type { Checkpoint } from "../formats/stored-tensor.js";
import { frozenLinear, plainLinear } from "./ops.js";
import { upload } from "./upload.js";

/** The tensors that a stage of an encoder needs: shape in the checkpoint, by published name. */
export type Needs = Record<string, Need>;
export interface Need {
  shape: number[];
  /** a linear layer's matrix [out, in] */
  linear?: boolean;
  /** `prepare` makes something else of it, which no low-rank update fits */
  derived?: boolean;
}

/** A linear layer's tensors: `name.weight` [outputs, inputs] and, unless `bias` is false, `name.bias` [outputs]. */
export function linear(name: string, inputs: number, outputs: number, bias = true): Needs {
  const weight = { [`${name}.weight`]: { shape: [outputs, inputs], linear: true } };
  return bias ? { ...weight, [`${name}.bias`]: { shape: [outputs] } } : weight;
}

/** The tensors of a norm over `features`: `name.weight` and, unless `bias` is false, `name.bias`. */
export function norm(name: string, features: number, bias = true): Needs {
  const weight = { [`${name}.weight`]: { shape: [features] } };
  return bias ? { ...weight, [`${name}.bias`]: { shape: [features] } } : weight;
}

/**
 * What stands in for a projection: from its published name (`….attention.q_proj`), its input [rows, in] and the frozen
 * projection's output [rows, out] to the output that the encoder goes on with. A low-rank update is
 * `(name, x, y) => y.add(x.matMul(a[name]).matMul(b[name]).mul(scale))`.
 */
export type Adapt = (name: string, x: tf.Tensor2D, y: tf.Tensor2D) => tf.Tensor2D;

/** The frozen tensors of one stage, on the current backend. */
export class Weights {
  constructor(
    readonly tensors: Map<string, tf.Tensor>,
    private readonly adapt?: Adapt,
    private readonly trained: Tensors = {},
  ) {}

  /** The same tensors, their projections passed through `adapt`. */
  adapted(adapt: Adapt | undefined): Weights {
    return adapt ? new Weights(this.tensors, adapt, this.trained) : this;
  }

  /** The same, with linear layers of `trained` (`name.weight` [out, in], `name.bias` [out]), differentiable, in place of theirs. */
  replaced(trained: Tensors): Weights {
    return new Weights(this.tensors, this.adapt, trained);
  }

  get<T extends tf.Tensor = tf.Tensor>(name: string): T {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no tensor ${name} in this stage`);
    return tensor as T;
  }

  /** x Wᵀ + b over the last axis: […, in] → […, out]. */
  project<T extends tf.Tensor>(name: string, x: T): T {
    const rows = x.reshape<tf.Tensor2D>([-1, x.shape.at(-1)!]);
    const [weight, bias] = [`${name}.weight`, `${name}.bias`];
    const y =
      weight in this.trained
        ? plainLinear(rows, this.trained[weight] as tf.Tensor2D, this.trained[bias])
        : frozenLinear(rows, this.get(weight), this.tensors.get(bias));
    const adapted = this.adapt ? this.adapt(name, rows, y) : y;
    return adapted.reshape([...x.shape.slice(0, -1), adapted.shape[1]!]);
  }

  /** Takes over the tensors of others, and frees its own. */
  renew(others: Weights): void {
    this.dispose();
    for (const [name, tensor] of others.tensors) this.tensors.set(name, tensor);
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) tensor.dispose();
    this.tensors.clear();
  }
}

/**
 * Checks, from the files' headers alone, that a checkpoint has what a stage needs.
 * @throws UserError naming the first tensor that is missing (with the nearest that is there) or has another shape.
 */
export function checkNeeds(folder: string, checkpoint: Checkpoint, needs: Needs): void {
  for (const [name, { shape }] of Object.entries(needs)) {
    const stored = checkpoint.get(name);
    if (!stored) throw new UserError(`${folder} lacks tensor "${name}"${nearest(name, checkpoint)}`);
    if (!/^(F(16|32|64)|BF16)$/.test(stored.dtype))
      throw new UserError(
        `${folder}: tensor "${name}" is ${stored.dtype}; weights must be float32, float16 or bfloat16`,
      );
    if (stored.shape.length !== shape.length || stored.shape.some((n, axis) => n !== shape[axis])) {
      const [has, wants] = [stored.shape, shape].map((list) => `[${list.join(", ")}]`);
      throw new UserError(
        `${folder}: tensor "${name}" is ${has} where config.json makes it ${wants}; they do not belong together`,
      );
    }
  }
}

/**
 * Refuses a checkpoint with more layers than its config: fewer would run, and give other hidden states without a word.
 * @param first what layer 0 needs; its names tell how layers are named
 */
export function checkDepth(folder: string, checkpoint: Checkpoint, first: Needs, layers: number): void {
  const stem = /^(.*?\.)0\./.exec(Object.keys(first)[0] ?? "")?.[1];
  if (!stem) return;
  const indices = [...checkpoint.keys()]
    .filter((name) => name.startsWith(stem))
    .map((name) => Number(/^\d+(?=\.)/.exec(name.slice(stem.length))?.[0] ?? -1));
  const held = indices.reduce((most, index) => Math.max(most, index + 1), 0);
  if (held > layers)
    throw new UserError(
      `${folder}: config.json makes it ${layers} layers, the weights hold ${held}; take the config.json of this checkpoint`,
    );
}

function nearest(name: string, checkpoint: Checkpoint): string {
  const numbers = (text: string) => String(text.match(/\d+/g));
  // a name with another layer's number is a slip of the pen away, and yet not what is meant
  const far = (present: string) => distance(name, present) + (numbers(present) === numbers(name) ? 0 : 8);
  const ranked = [...checkpoint.keys()]
    .filter((present) => Math.abs(present.length - name.length) < 40)
    .map((present) => [far(present), present] as const)
    .sort(([a], [b]) => a - b);
  if (!ranked.length) return ", and nothing like it; is this the right checkpoint?";
  return `; the nearest that it has is ${JSON.stringify(ranked[0]![1])}`;
}

/** Reads a stage's tensors onto the current backend; they outlive any tidy until `dispose`. */
export function loadWeights(
  checkpoint: Checkpoint,
  needs: Needs,
  prepare: (weights: Weights) => Record<string, tf.Tensor> = () => ({}),
): Weights {
  const loaded = tf.tidy(() => {
    const raw = new Map(Object.keys(needs).map((name) => [name, upload(checkpoint.get(name)!)]));
    // derived tensors take the place of what they are derived from
    return { ...Object.fromEntries(raw), ...prepare(new Weights(raw)) };
  });
  return new Weights(new Map(Object.entries(loaded).map(([name, tensor]) => [name, tf.keep(tensor)])));
}
