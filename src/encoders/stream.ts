import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import type { EncoderInput } from "./architecture.js";
import type { Embedding, Encoder, State } from "./encoder.js";
import { average } from "./ops.js";
import { itemsTogether, parts } from "./size.js";

/** What an interrupted passage goes on from. */
export interface Halfway {
  /** of each batch: layers that it has passed, and the hidden state behind them; undefined before it is embedded */
  states: ({ layers: number; hidden: Float32Array } | undefined)[];
  /** averages so far, as `meanStates` returns them */
  means: Float32Array;
}

/** Something to be called after a batch has passed a layer, and to be waited for. */
type Visit = (state: State, index: number, batch: number) => void | Promise<void>;

/**
 * A chunk of batches on its way through an encoder: each layer is loaded once, passes every batch, and is freed, so that memory holds one
 * layer, the hidden states of the chunk and what one batch takes, however many layers there are.
 */
class Passage {
  private readonly states: (State & { layers: number })[];

  constructor(
    private readonly encoder: Encoder,
    private readonly chunk: readonly EncoderInput[],
    from: Halfway["states"] = [],
  ) {
    this.states = chunk.map(() => undefined!);
    from.forEach((state, batch) => {
      if (!state) return;
      const context = encoder.context(chunk[batch]!);
      const [items, , tokens] = context.mean.shape;
      const hidden = tf.tensor3d(state.hidden, [items, tokens, encoder.features]);
      this.states[batch] = { hidden, context, layers: state.layers };
    });
  }

  async run(visit: Visit): Promise<void> {
    try {
      await this.embed(visit);
      for (let i = 0; i < this.encoder.layers; i++) await this.pass(i, visit);
    } finally {
      tf.dispose(this.states);
    }
  }

  /** What the batches have come to. */
  async halfway(): Promise<Halfway["states"]> {
    const values = async ({ hidden, layers }: State & { layers: number }) => ({
      layers,
      hidden: await hidden.data<"float32">(),
    });
    return Promise.all(this.states.map((state) => state && values(state)));
  }

  private async embed(visit: Visit): Promise<void> {
    if (this.states.every((state) => state)) return;
    const embedding = this.encoder.embedding();
    try {
      for (const [batch, input] of this.chunk.entries()) {
        if (this.states[batch]) continue;
        const hidden = this.embedParts(embedding, input);
        this.states[batch] = { hidden, context: this.encoder.context(input), layers: 0 };
        await visit(this.states[batch], 0, batch);
      }
    } finally {
      embedding.dispose();
    }
  }

  /** A batch in parts of as many items as may be embedded together: a front end takes far more memory than a layer. */
  private embedParts(embedding: Embedding, input: EncoderInput): tf.Tensor3D {
    const [, ...item] = input.values.shape;
    const embedded = parts(input, itemsTogether(this.encoder.blueprint.size(item).embed)).map((part) => {
      const context = this.encoder.context(part);
      const hidden = embedding.apply(part, context);
      tf.dispose(context);
      return hidden;
    });
    if (embedded.length === 1) return embedded[0]!;
    const hidden = tf.concat(embedded, 0);
    tf.dispose(embedded);
    return hidden;
  }

  private async pass(index: number, visit: Visit): Promise<void> {
    if (this.states.every(({ layers }) => layers > index)) return;
    const layer = this.encoder.layer(index);
    try {
      for (const [batch, state] of this.states.entries()) {
        if (state.layers > index) continue;
        const hidden = layer.apply(state);
        state.hidden.dispose();
        Object.assign(state, { hidden, layers: index + 1 });
        await visit(state, index + 1, batch);
      }
    } finally {
      layer.dispose();
    }
  }
}

/**
 * Streams a chunk through an encoder.
 * @param visit sees every hidden state (0 to `layers`) of every batch, and must not keep it
 */
export async function stream(encoder: Encoder, chunk: readonly EncoderInput[], visit: Visit): Promise<void> {
  await new Passage(encoder, chunk).run(visit);
}

export interface MeanOptions {
  /** Where an earlier call for the same chunk had come to. */
  from?: Halfway;
  /** Called after every batch and layer, with the share of the chunk that is done, and what tells where it stands. */
  onStep?: (share: number, halfway: () => Promise<Halfway>) => void | Promise<void>;
}

/**
 * The paper's features of a chunk: every layer's hidden state (the embedding output is left out) averaged over its tokens, padding apart.
 * @returns [items, layers, features], row by row, the items of all batches in order
 */
export async function meanStates(
  encoder: Encoder,
  chunk: readonly EncoderInput[],
  { from, onStep }: MeanOptions = {},
): Promise<Float32Array> {
  const starts = [0];
  for (const { values } of chunk) starts.push(starts.at(-1)! + values.shape[0]!);
  const items = starts.at(-1)!;
  const { layers, features } = encoder;
  const means = from?.means ?? new Float32Array(items * layers * features);
  const passage = new Passage(encoder, chunk, from?.states);
  const passed = (from?.states ?? []).map((state, batch) =>
    state ? (state.layers + 1) * (starts[batch + 1]! - starts[batch]!) : 0,
  );
  let done = passed.reduce((sum, steps) => sum + steps, 0);
  await passage.run(async ({ hidden, context }, index, batch) => {
    await setImmediate(); // timers run between layers: one keeps the caller's lock
    if (index > 0) {
      const mean = tf.tidy(() => average(hidden, context.mean)); // [batch, features]
      const values = await mean.data();
      mean.dispose();
      for (let item = 0; item * features < values.length; item++) {
        const row = ((starts[batch]! + item) * layers + index - 1) * features;
        means.set(values.subarray(item * features, (item + 1) * features), row);
      }
    }
    done += starts[batch + 1]! - starts[batch]!;
    const halfway = async () => ({ states: await passage.halfway(), means });
    await onStep?.(done / (items * (layers + 1)), halfway);
  });
  return means;
}
