import { join } from "node:path";
import { UserError } from "../errors.js";
import { openEncoder, type Encoder, type EncoderInput } from "../encoders/encoder.js";
import { stream } from "../encoders/stream.js";
import { Reference, relativeL2, type Comparison } from "./reference.js";

/** Tolerance of hidden states and logits: relative L2. */
export const ENCODER = 1e-4;

/**
 * Computes what `expected.safetensors` of a folder holds (every `hidden.i`, and `logits`) with the encoder in that folder, on the
 * current backend. Hidden states are compared where `attention_mask` is 1.
 * @throws UserError for a folder that is no encoder case, or whose arrays the encoder does not give.
 */
export async function checkEncoderCase(folder: string): Promise<Comparison[]> {
  const expected = new Reference(join(folder, "expected.safetensors"));
  const encoder = await openEncoder(folder);
  const input = inputOf(expected, encoder);
  const compared: Comparison[] = [];
  await stream(encoder, [input], async (state, index) => {
    const { hidden, context } = state;
    const real = await context.mean.data();
    const rows = (values: ArrayLike<number>) =>
      Float32Array.from(values).filter((_, i) => real[Math.floor(i / encoder.features)] !== 0);
    const quantity = `hidden.${index}`;
    const error = relativeL2(rows(await hidden.data()), rows(expected.host(quantity).data));
    compared.push({ quantity, error, tolerance: ENCODER });
    if (index < encoder.layers || !encoder.classes || !expected.has("logits")) return;
    compared.push(await expected.compare(encoder.logits(state), "logits", ENCODER));
  });
  if (expected.has(`hidden.${encoder.layers + 1}`) || (expected.has("logits") && !encoder.classes))
    throw new UserError(
      `${folder}: expected.safetensors holds more than this encoder of ${encoder.layers} layers gives`,
    );
  return compared;
}

/** The batch that a reference file's values are of. */
export function inputOf(reference: Reference, { inputName }: Encoder): EncoderInput {
  const values = reference.host(inputName);
  return reference.has("attention_mask") ? { values, mask: reference.host("attention_mask") } : { values };
}
