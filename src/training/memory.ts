import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { decoderParameters } from "../models/decoder.js";
import { buildStages, learns, outputSize, type ModelOptions } from "../models/model.js";
import type { ParameterSpec } from "../parameters.js";

/** A decoder and the items of its batches. */
export interface StepSize extends Omit<ModelOptions, "seed"> {
  batch: number;
}

/** Of WebAssembly's 4 GB; an eighth is left to scratch and to the gaps between tensors. */
const WASM_BYTES = 2 ** 32 * (7 / 8);

const bytesOfBackend = () => (tf.getBackend() === "wasm" ? WASM_BYTES : Infinity);

/**
 * Bytes of the tensors that a training step holds at its peak: parameters, their two moments and gradients, the hidden states, and what
 * the gradients need. A test step holds less.
 * @param items of a part, where the step takes its batch in parts and adds their gradients up; all of the batch when left out
 */
export function stepBytes(size: StepSize, items = size.batch): number {
  const modules = buildStages(size.stages, size);
  const into = outputSize(modules, size);
  const specs = [decoderParameters({ ...size, ...into }), ...modules.map(({ parameters }) => parameters)];
  const all = specs.flatMap((group) => Object.values(group));
  const trained = count(all.filter(({ trainable }) => trainable));
  const parameters = count(all) + (items < size.batch ? 4 : 3) * trained;
  let [forward, backward, slope] = [items * size.layers * size.features, 0, false];
  for (const module of modules) {
    const held = module.held(items);
    // what stands before everything that is trained has no gradient
    slope ||= learns(module);
    forward += held.forward;
    if (slope) backward += held.backward;
  }
  const image = items * into.layers * into.features;
  const inner = items * into.features * size.hidden;
  // first the convolutions' own gradients, then, when they are freed, those of the stages
  const activations = forward + Math.max(2 * inner + 4 * image, inner + 5 * image + backward);
  return 4 * (parameters + activations);
}

const count = (specs: readonly ParameterSpec[]) =>
  specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/**
 * Items of the parts in which a training step takes its batch: all of them where memory holds them, else parts of one size as far as the
 * batch divides. Gradients of parts add up to that of the batch, but where a stage mixes items.
 * @param limit bytes; by default what the backend gives
 * @throws UserError where memory does not hold the smallest part
 */
export function planPart(size: StepSize, limit = bytesOfBackend()): number {
  const { batch, stages, layers, features, hidden } = size;
  if (stepBytes(size) <= limit) return batch;
  const mixing = stages.filter((_, i) => buildStages(stages, size)[i]!.mixesItems);
  const smallest = mixing.length ? batch : 1;
  const needed = stepBytes(size, smallest);
  if (needed > limit) {
    const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
    const why = mixing.length
      ? `on all of its ${batch} items at once (${mixing.map(({ kind }) => kind).join(" and ")} mix the items of a batch)`
      : "on one item alone";
    throw new UserError(
      `a training step on hidden states of ${layers} × ${features} with ${hidden} channels, ${why}, needs ${gigabytes(needed)}, and ` +
        `the backend has ${gigabytes(limit)} for it: set DAAM_BACKEND=tensorflow, or take fewer channels or a smaller batch`,
    );
  }
  let parts = 2;
  while (stepBytes(size, Math.ceil(batch / parts)) > limit) parts++;
  return Math.ceil(batch / parts);
}
