import { Float16Array } from "@petamoriken/float16";
import { randomStream } from "../random.js";
import type { Stored } from "./models.js";

/** Where the values of a tensor lie. */
export interface Distribution {
  mean: number;
  sd: number;
}

/**
 * Keeps hidden states of any depth and width finite and alive: norms near 1, small biases, matrices and filters that keep the size
 * of what passes through them. Tables and layer scales are as wide as in trained checkpoints, so that what they do shows.
 */
export function distributionOf(name: string, shape: readonly number[]): Distribution {
  if (/lambda_[12]$/.test(name)) return { mean: 0.1, sd: 0.02 };
  if (/gru_rel_pos_const$/.test(name)) return { mean: 1, sd: 0.1 };
  if (/rel_attn_embed|relative_position_bias_table/.test(name)) return { mean: 0, sd: 0.5 };
  if (/embed_tokens|cls_token|position_embeddings/.test(name)) return { mean: 0, sd: 0.02 };
  // one length for each of the positional convolution's taps, which share a frame's variance
  if (/weight_g$/.test(name)) return { mean: 2, sd: 0.1 };
  if (shape.length > 1) return { mean: 0, sd: 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)) };
  return /norm[^.]*\.weight$/.test(name) ? { mean: 1, sd: 0.1 } : { mean: 0, sd: 0.02 };
}

type Bits = Uint16Array | Uint32Array;
const TABLE = 0x10000;

/** 65,536 standard normal numbers. */
export function normalTable(seed: number): Float32Array {
  const random = randomStream(seed, "normal numbers");
  return Float32Array.from({ length: TABLE }, random.normal);
}

/**
 * Seeded values of one tensor as they are stored, part by part: each is an entry, drawn at random, of a table of normal numbers,
 * which is far faster than to compute one and convert it.
 * @param name names the stream, with `seed`
 * @param most values of a part
 */
export function* storedValues(
  seed: number,
  name: string,
  count: number,
  dtype: Stored,
  normals: Float32Array,
  { mean, sd }: Distribution,
  most = 1 << 22,
): Generator<Uint8Array> {
  const table = store(
    dtype,
    normals.map((z) => mean + sd * z),
  );
  const part = new (table.constructor as Uint32ArrayConstructor)(Math.min(count, most));
  let state = 1 + randomStream(seed, name).below(0x7ffffffe);
  for (let left = count; left > 0; left -= part.length) {
    state = draw(table, part, state);
    yield new Uint8Array(part.buffer, 0, Math.min(left, part.length) * part.BYTES_PER_ELEMENT);
  }
}

/** Fills `part` with random entries of `table` by xorshift32 (Marsaglia 2003), whose upper half is the better one. */
function draw(table: Bits, part: Bits, state: number): number {
  for (let i = 0; i < part.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    part[i] = table[state >>> 16]!;
  }
  return state;
}

/** Bits of float32 values in a dtype. */
export function store(dtype: Stored, values: Float32Array): Bits {
  if (dtype === "F16") return new Uint16Array(new Float16Array(values).buffer);
  const words = new Uint32Array(values.buffer);
  if (dtype === "F32") return words;
  // to the nearest, ties to even
  return Uint16Array.from(words, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}
