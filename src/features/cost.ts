import type { Blueprint } from "../encoders/architecture.js";
import type { Encoder } from "../encoders/encoder.js";
import { itemsTogether, linearOperations } from "../encoders/size.js";
import type { Needs } from "../encoders/weights.js";
import { STATES } from "./chunks.js";
import { encoderBytes } from "./extraction.js";

/** Encoders of at most so many bytes are kept in memory; of larger ones one layer at a time. */
const RESIDENT = 2 ** 29;
/** What Node, TensorFlow.js and a kernel's own memory take. */
const PROCESS = 300e6;

export const staysInMemory = (folder: string) => encoderBytes(folder) <= RESIDENT;

/** What an extraction is expected to take. */
export interface ExtractionCost {
  /** of the process at most, on wasm */
  bytes: number;
  /** multiplications and additions of one item */
  operations: number;
  /** whether all weights stay in memory, or one layer at a time */
  resident: boolean;
}

/** @param item shape of an item's values: [samples], [tokens] or [channels, height, width] */
export function extractionCost({ blueprint, folder }: Encoder, item: number[]): ExtractionCost {
  const { layers, layer, embed } = blueprint;
  const size = blueprint.size(item);
  const [ofLayer, ofEmbedding] = [weightBytes(layer(0).needs), weightBytes(embed.needs)];
  const resident = staysInMemory(folder);
  const weights = resident ? layers * ofLayer + ofEmbedding : Math.max(ofLayer, ofEmbedding);
  const temporary = Math.max(size.layer * itemsTogether(size.layer), size.embed * itemsTogether(size.embed));
  return {
    bytes: PROCESS + weights + temporary + (resident ? 0 : STATES),
    operations: itemOperations(blueprint, item),
    resident,
  };
}

/** Multiplications and additions of one item. @param item shape of its values */
export function itemOperations({ layers, features, layer, size }: Blueprint, item: number[]): number {
  const { tokens, operations } = size(item);
  const attention = 4 * tokens * tokens * features;
  return operations + layers * (linearOperations(layer(0).needs, tokens) + attention);
}

const weightBytes = (needs: Needs) =>
  Object.values(needs).reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
