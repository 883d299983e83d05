import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { openEncoder, type State } from "../encoders/encoder.js";
import { readSafetensors } from "../formats/safetensors.js";

/** How far an encoder is from its reference. */
export interface EncoderCase {
  path: string;
  modelType: string;
  /** relative L2 error of each reference tensor: `hidden.0` … and `logits` */
  errors: Record<string, number>;
  /** the tensor with the largest error, and that error */
  worst: { name: string; error: number };
}

/**
 * Computes what `expected.safetensors` of a folder holds (every `hidden.i`, and `logits`) with the encoder in that folder, on the
 * current backend. Hidden states are compared where `attention_mask` is 1.
 * @throws UserError for a folder that is no encoder case.
 */
export async function checkEncoderCase(folder: string): Promise<EncoderCase> {
  const { tensors: expected } = readSafetensors(join(folder, "expected.safetensors"));
  const encoder = await openEncoder(folder);
  const values = expected.get(encoder.inputName);
  if (!values) throw new UserError(`${folder}/expected.safetensors lacks ${encoder.inputName}`);
  const mask = expected.get("attention_mask");
  const errors: Record<string, number> = {};
  const compare = async (name: string, actual: tf.Tensor, rows?: ArrayLike<number>) => {
    const reference = expected.get(name);
    if (!reference) return;
    if (reference.shape.join() !== actual.shape.join())
      throw new UserError(`${folder}: ${name} is [${actual.shape}] and should be [${reference.shape}]`);
    errors[name] = relativeError(await actual.data(), reference.data, rows);
  };
  await encoder.stream([{ values, mask }], async (state, index) => {
    await compare(`hidden.${index}`, state.hidden, await realTokens(state));
    if (index === encoder.layers && encoder.classes) {
      const logits = encoder.logits(state);
      await compare("logits", logits);
      logits.dispose();
    }
  });
  const missed = [...expected.keys()].find((name) => /^(hidden\.|logits$)/.test(name) && !(name in errors));
  if (missed) throw new UserError(`${folder}: the encoder gives no ${missed}, which expected.safetensors holds`);
  const [name, error] = Object.entries(errors).reduce((a, b) => (b[1] > a[1] || Number.isNaN(b[1]) ? b : a));
  return { path: folder, modelType: encoder.modelType, errors, worst: { name, error } };
}

/** 1 for every token that is not padding: [batch · tokens]. */
async function realTokens({ context }: State): Promise<ArrayLike<number>> {
  return context.mean.data();
}

/** ‖a − b‖ / ‖b‖ over the rows whose `rows` entry is not 0. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, rows?: ArrayLike<number>): number {
  const width = rows ? expected.length / rows.length : expected.length;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    if (rows && !rows[Math.floor(i / width)]) continue;
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
