import * as tf from "@tensorflow/tfjs";
import {
  constant,
  torchDefault,
  trainable,
  type Initial,
  type ParameterSpec,
  type Tensors,
} from "../parameters.js";
import type { Blueprint } from "../encoders/architecture.js";
import type { Adapt, Needs, Weights } from "../encoders/weights.js";
import { UserError } from "../errors.js";

/**
 * What the update is multiplied with: α / r (Hu et al., 2021), α / √r (Kalajdzievski, 2023), or α, as the code that the authors
 * published has it.
 */
export type Scaling = "standard" | "rank-stabilised" | "published";

const factors: Record<Scaling, (alpha: number, rank: number) => number> = {
  standard: (alpha, rank) => alpha / rank,
  "rank-stabilised": (alpha, rank) => alpha / Math.sqrt(rank),
  published: (alpha) => alpha,
};

/** A low-rank update as data: y + scale · x Aᵀ Bᵀ on every projection whose name is or ends in one of `targets`. */
export interface LowRankForm {
  rank: number;
  alpha: number;
  scaling: Scaling;
  /** ends of published names, whole parts of them: `query`, `attention.q_proj` */
  targets: readonly string[];
}

/** An update of an encoder: `<projection>.lora_A.weight` [rank, in] and `<projection>.lora_B.weight` [out, rank]. */
export interface LowRankUpdate {
  form: LowRankForm;
  parameters: Tensors;
}

const nameA = (projection: string) => `${projection}.lora_A.weight`;
const nameB = (projection: string) => `${projection}.lora_B.weight`;

/**
 * The trained tensors of an update of an encoder's layers. B starts at 0; A as in PyTorch's linear layers (Kaiming-uniform with
 * a = √5, as in peft) or, as published, normal with variance 1 / rank.
 * @throws UserError for a target that no projection's name ends in.
 */
export function lowRankParameters(
  { rank, scaling, targets }: LowRankForm,
  blueprint: Pick<Blueprint, "layers" | "layer">,
): Record<string, ParameterSpec> {
  const shapes = projections(blueprint);
  for (const target of targets)
    if (![...shapes.keys()].some((name) => endsIn(name, target)))
      throw new UserError(
        `no projection's name ends in ${JSON.stringify(target)}: choose among ` +
          `${[...new Set([...shapes.keys()].map(withoutLayer))].join(", ")}`,
      );
  const specs: Record<string, ParameterSpec> = {};
  for (const [name, [outputs, inputs]] of shapes) {
    if (!targets.some((target) => endsIn(name, target))) continue;
    const initial: Initial =
      scaling === "published" ? { kind: "normal", sd: 1 / Math.sqrt(rank) } : torchDefault(inputs);
    specs[nameA(name)] = trainable([rank, inputs], initial);
    specs[nameB(name)] = trainable([outputs, rank], constant(0));
  }
  return specs;
}

/** Whether a name is or ends in a target, whole parts of it. */
export const endsIn = (name: string, target: string) => `.${name}`.endsWith(`.${target}`);

/** `beit.encoder.layer.0.output.dense` → `output.dense`. */
export const withoutLayer = (name: string) => name.replace(/^.*\d+\./, "");

/** Published names of the projections that an update can act on. */
export const projectionNames = (blueprint: Pick<Blueprint, "layers" | "layer">) => [
  ...projections(blueprint).keys(),
];

/** [out, in] of the linear layers that an update can act on, by name. */
export function projections({
  layers,
  layer,
}: Pick<Blueprint, "layers" | "layer">): Map<string, [number, number]> {
  const needs = Array.from({ length: layers }, (_, i) => layer(i).needs).reduce<Needs>(
    (all, some) => Object.assign(all, some),
    {},
  );
  return new Map(
    Object.entries(needs)
      .filter(([, { linear, derived }]) => linear && !derived)
      .map(([name, { shape }]) => [name.replace(/\.weight$/, ""), shape as [number, number]]),
  );
}

/** The update as what stands in for projections while an encoder runs; differentiable in A and B. */
export function adapt({ form, parameters }: LowRankUpdate): Adapt {
  const scale = scaleOf(form);
  return (name, x, y) => {
    const [a, b] = [parameters[nameA(name)], parameters[nameB(name)]] as tf.Tensor2D[];
    if (!a || !b) return y;
    const inner = x.matMul(a, false, true).mul<tf.Tensor2D>(scale); // [rows, rank]
    return y.add(inner.matMul(b, false, true));
  };
}

/** Adds the update to the projections [out, in] among a layer's weights, which then need no `adapt`, for as long as they are loaded. */
export function merge({ form, parameters }: LowRankUpdate, { tensors }: Weights): void {
  const scale = scaleOf(form);
  for (const [name, frozen] of tensors) {
    const projection = name.replace(/\.weight$/, "");
    const [a, b] = [parameters[nameA(projection)], parameters[nameB(projection)]] as tf.Tensor2D[];
    if (!a || !b) continue;
    tensors.set(
      name,
      tf.tidy(() => tf.keep(frozen.add(b.matMul(a).mul(scale)))),
    );
    frozen.dispose();
  }
}

/** What the update is multiplied with. */
export function scaleOf({ alpha, rank, scaling }: Omit<LowRankForm, "targets">): number {
  return factors[scaling](alpha, rank);
}
