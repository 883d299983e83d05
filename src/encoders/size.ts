import type { HostTensor } from "../formats/safetensors.js";
import type { EncoderInput } from "./architecture.js";
import type { Needs } from "./weights.js";

/** Bytes that the items of a batch may take together in a stage. Beside them lie the weights of a layer, a chunk's hidden states and Node. */
const TOGETHER = 400e6;
/** A longer batch is no faster. */
const MOST = 16;

/** Bytes at most in a layer of a transformer, as measured on the published shapes (test/encoders/size.test.ts). */
export function layerBytes(tokens: number, features: number, inner: number, heads: number): number {
  return 4 * tokens * (14 * features + 8 * inner + 7 * heads * tokens);
}

/** How many items of `bytes` each may go together: one where even that is too many, which memory then refuses or not. */
export const itemsTogether = (bytes: number) => Math.max(1, Math.min(MOST, Math.floor(TOGETHER / bytes)));

/** An input in parts of at most so many items, which share its memory. */
export function parts({ values, mask }: EncoderInput, most: number): EncoderInput[] {
  const items = values.shape[0]!;
  const part = (whole: HostTensor, from: number, to: number): HostTensor => {
    const width = whole.data.length / items;
    const shape = [to - from, ...whole.shape.slice(1)];
    return { ...whole, shape, data: whole.data.subarray(from * width, to * width) } as HostTensor;
  };
  return Array.from({ length: Math.ceil(items / most) }, (_, i) => {
    const [from, to] = [i * most, Math.min(items, (i + 1) * most)];
    return { values: part(values, from, to), ...(mask && { mask: part(mask, from, to) }) };
  });
}

/** Multiplications and additions of an item of so many tokens in the linear layers of a stage. */
export function linearOperations(needs: Needs, tokens: number): number {
  const weights = Object.values(needs)
    .filter(({ linear }) => linear)
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return 2 * tokens * weights;
}
