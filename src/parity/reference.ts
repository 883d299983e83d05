import * as tf from "@tensorflow/tfjs";
import { readSafetensors, type HostTensor } from "../formats/safetensors.js";
import { UserError } from "../errors.js";

/** One compared quantity. */
export interface Comparison {
  quantity: string;
  /** Relative L2 error. */
  error: number;
  tolerance: number;
}

/** Tolerances of the mechanisms: relative L2. */
export const FORWARD = 1e-5;
export const GRADIENT = 1e-4;

/** A reference file: its arrays by name, and the settings in its metadata. */
export class Reference {
  private readonly tensors: Map<string, HostTensor>;
  readonly about: Record<string, any>;

  /** @throws UserError for a damaged file, or settings that are no JSON object. */
  constructor(readonly path: string) {
    const { tensors, metadata } = readSafetensors(path);
    this.tensors = tensors;
    this.about = settings(path, metadata.about);
  }

  /** @throws UserError where the array is missing. */
  host(name: string): HostTensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new UserError(`${this.path} holds no array "${name}": fetch the reference again`);
    return tensor;
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** A tensor of the array; the caller disposes it (or is inside tf.tidy). */
  tensor<T extends tf.Tensor>(name: string): T {
    const { data, shape, dtype } = this.host(name);
    return tf.tensor(data, shape, dtype) as T;
  }

  /** Compares a tensor, which it disposes, with the array of that name. */
  async compare(actual: tf.Tensor, name: string, tolerance: number): Promise<Comparison> {
    const values = await actual.data();
    actual.dispose();
    return { quantity: name, error: relativeL2(values, this.host(name).data), tolerance };
  }
}

function settings(path: string, about = "{}"): Record<string, any> {
  let value: unknown;
  try {
    value = JSON.parse(about);
  } catch {
    // as below
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new UserError(`${path}: its metadata "about" is no JSON object: fetch the reference again`);
}

/** ‖actual − expected‖ / ‖expected‖; infinite where the sizes differ. */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-30);
}
