import * as tf from "@tensorflow/tfjs";
import { OutOfMemory } from "../errors.js";
import { decoderParameters } from "../models/decoder.js";
import { buildStages, learns, outputSize, type ModelOptions } from "../models/model.js";
import type { ParameterSpec } from "../parameters.js";

/** A decoder and the items of its batches. */
export interface StepSize extends Omit<ModelOptions, "seed"> {
  batch: number;
}

/** Of WebAssembly's 4 GB; the rest is left to scratch. */
const WASM_BYTES = 2 ** 32 * (15 / 16);

const bytesOfBackend = () => (tf.getBackend() === "wasm" ? WASM_BYTES : Infinity);

/**
 * Bytes of the tensors that a training step holds at its peak: parameters, their two moments and gradients, the hidden states, and what
 * the gradients need. A test step holds less.
 * @param items of a part, where the step takes its batch in parts and adds their gradients up; all of the batch when left out
 */
export function stepBytes(size: StepSize, items = size.batch): number {
  const { modules, into, all } = partsOf(size);
  const trained = sum(all.filter(({ trainable }) => trainable).map(numbers));
  const parameters = sum(all.map(numbers)) + (items < size.batch ? 4 : 3) * trained;
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

/**
 * Bytes of a heap that holds such a step. Gaps between tensors grow with the largest of them: measured, over some steps, by up to two of
 * it, and by one more where sums of gradients are replaced part by part.
 */
export function heapBytes(size: StepSize, items = size.batch): number {
  const { into, all } = partsOf(size);
  const largest = Math.max(items * into.features * size.hidden, ...all.map(numbers));
  return stepBytes(size, items) + 4 * (items < size.batch ? 3 : 2) * largest;
}

function partsOf(size: StepSize) {
  const modules = buildStages(size.stages, size);
  const into = outputSize(modules, size);
  const specs = [decoderParameters({ ...size, ...into }), ...modules.map(({ parameters }) => parameters)];
  return { modules, into, all: specs.flatMap((group) => Object.values(group)) };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const numbers = ({ shape }: ParameterSpec) => shape.reduce((a, b) => a * b, 1);

/**
 * Items of the parts in which a training step takes its batch: all of them where memory holds them, else parts of one size as far as the
 * batch divides. Gradients of parts add up to that of the batch, but where a stage mixes items.
 * @param limit bytes; by default what the backend gives
 * @throws OutOfMemory where memory does not hold the smallest part
 */
export function planPart(size: StepSize, limit = bytesOfBackend()): number {
  const { batch, stages, layers, features, hidden } = size;
  if (heapBytes(size) <= limit) return batch;
  const { modules } = partsOf(size);
  const mixing = stages.filter((_, i) => modules[i]!.mixesItems);
  const smallest = mixing.length ? batch : 1;
  const needed = heapBytes(size, smallest);
  if (needed > limit) {
    const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
    const why = mixing.length
      ? `on all of its ${batch} items at once (${mixing.map(({ kind }) => kind).join(" and ")} mix the items of a batch)`
      : "on one item alone";
    throw new OutOfMemory(
      `a training step on hidden states of ${layers} × ${features} with ${hidden} channels, ${why}, needs a heap of ${gigabytes(needed)}, and ` +
        `the backend has ${gigabytes(limit)} for it: set DAAM_BACKEND=tensorflow, or take fewer channels or a smaller batch`,
    );
  }
  let parts = 2;
  while (heapBytes(size, Math.ceil(batch / parts)) > limit) parts++;
  return Math.ceil(batch / parts);
}
