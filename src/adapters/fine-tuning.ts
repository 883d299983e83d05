import type { Initial, ParameterSpec } from "../parameters.js";
import type { Encoder } from "../encoders/encoder.js";
import { lowRankParameters, type LowRankForm } from "./low-rank.js";

/** A fine-tuning by low-rank updates as data: what acts, what is trained, and how fast. */
export interface FineTuning {
  form: LowRankForm;
  /** False: the update never enters the computation, as in the published code on WavLM, whose attention calls no projection. */
  acts: boolean;
  /** What of the new head is trained: all of it, the last linear layer where it is called "classifier", or nothing. */
  head: "whole" | "classifier" | "frozen";
  /** Learning rate of B over that of A and the head: 1 is LoRA, more LoRA+ (Hayou et al., 2024, advise about 16). */
  ratio: number;
}

/** Tensors of a fine-tuning by published name, with what is trained and how it starts. */
export interface FineTuningParameters {
  /** Empty where the update does not act. */
  update: Record<string, ParameterSpec>;
  head: Record<string, ParameterSpec>;
}

/** As transformers initialises a new head: weights normal, biases 0. */
const newWeights: Initial = { kind: "normal", sd: 0.02 };
const newBiases: Initial = { kind: "constant", value: 0 };

/**
 * The tensors that a fine-tuning adds to an encoder and those of its new head of `classes` classes.
 * @throws UserError for a target that no projection's name ends in.
 */
export function fineTuningParameters(
  { form, acts, head }: Omit<FineTuning, "ratio">,
  { blueprint }: Pick<Encoder, "blueprint">,
  classes: number,
): FineTuningParameters {
  const trained = (name: string) =>
    head === "whole" || (head === "classifier" && name.startsWith("classifier."));
  const needs = Object.entries(blueprint.head(classes).needs);
  return {
    update: acts ? lowRankParameters(form, blueprint) : {},
    head: Object.fromEntries(
      needs.map(([name, { shape }]) => [
        name,
        { shape, initial: name.endsWith(".bias") ? newBiases : newWeights, trainable: trained(name) },
      ]),
    ),
  };
}

/** Trained numbers: all, all but the head's last linear layer, and the update's alone. */
export function countFineTuning(
  { update, head }: FineTuningParameters,
  classifier: string,
): { total: number; withoutLastLinear: number; attention: number } {
  const count = (specs: Record<string, ParameterSpec>, skip = "\0") =>
    Object.entries(specs)
      .filter(([name, { trainable }]) => trainable && !name.startsWith(skip))
      .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const attention = count(update);
  const last = classifier.replace(/weight$/, "");
  return {
    total: attention + count(head),
    withoutLastLinear: attention + count(head, last),
    attention,
  };
}
