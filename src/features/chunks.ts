import type { Item } from "../datasets/index.js";
import type { EncoderInput } from "../encoders/architecture.js";
import type { Encoder } from "../encoders/encoder.js";
import { itemsTogether, linearOperations, parts } from "../encoders/size.js";

/** Items that go through an encoder together, and the batches in which they pass each layer. */
export interface Chunk {
  items: Item[];
  batches: EncoderInput[];
}

export interface ChunkOptions {
  /** Raw inputs of one batch → the encoder's. */
  prepare: (items: Item[]) => EncoderInput;
  /** Items in file order that are padded to a common length. */
  padTogether: number;
  /** The encoder's layers are loaded anew for every chunk. */
  streamed: boolean;
}

/** Of a streamed chunk: bytes of its hidden states, and operations of a layer, beyond which loading that layer no longer matters. */
export const STATES = 192e6;
const OPERATIONS = 2e12;

/**
 * Cuts items into chunks and batches: by the items' own sizes alone, so that a run that goes on cuts as the one before. An encoder that
 * is in memory as a whole gets one group of padded items at a time; of another, each layer is loaded for as many as memory and time
 * between two marks of progress allow.
 */
export async function* chunksOf(
  items: AsyncIterable<Item>,
  encoder: Encoder,
  { prepare, padTogether, streamed }: ChunkOptions,
): AsyncGenerator<Chunk> {
  let chunk: Chunk = { items: [], batches: [] };
  let [states, work] = [0, 0];
  for await (const group of groups(items, padTogether)) {
    const input = prepare(group);
    const { tokens, layer } = encoder.blueprint.size(input.values.shape.slice(1));
    states += 4 * group.length * tokens * encoder.features;
    work += group.length * linearOperations(encoder.blueprint.layer(0).needs, tokens);
    chunk.items.push(...group);
    chunk.batches.push(...parts(input, itemsTogether(layer)));
    if (streamed && states < STATES && work < OPERATIONS) continue;
    yield chunk;
    chunk = { items: [], batches: [] };
    [states, work] = [0, 0];
  }
  if (chunk.items.length) yield chunk;
}

async function* groups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length) yield group;
}
