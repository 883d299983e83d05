import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Halfway } from "../encoders/stream.js";
import { UserError } from "../errors.js";
import { writeWhole } from "../files.js";
import { checksumOf, readSafetensors, safetensorsParts } from "../formats/safetensors.js";
import type { Chunk } from "./chunks.js";

/** Milliseconds of work that an end of the process may cost. */
const EVERY = 20_000;

/** Keeps how far a chunk has come through an encoder in a file beside the features, so that an extraction goes on within it. */
export class HalfwayFile {
  private readonly path: string;
  private saved = performance.now();

  /**
   * @param folder of the extraction
   * @param every milliseconds between two states that are kept
   * @param warn takes a line on a damaged file
   */
  constructor(
    folder: string,
    private readonly every = EVERY,
    private readonly warn: (line: string) => void = console.error,
  ) {
    this.path = join(folder, "halfway.safetensors");
  }

  /** Where the chunk had come to; undefined where the file is not there, is damaged, or is of another chunk. */
  read(chunk: Chunk): Halfway | undefined {
    this.saved = performance.now();
    if (!existsSync(this.path)) return undefined;
    try {
      const { tensors, metadata } = readSafetensors(this.path);
      if (metadata.chunk !== keyOf(chunk)) return undefined;
      const floats = (name: string) => tensors.get(name)!.data as Float32Array;
      const layers = JSON.parse(metadata.layers!) as (number | null)[];
      const states = layers.map((layers, i) =>
        layers === null ? undefined : { layers, hidden: floats(`hidden.${i}`) },
      );
      return { states, means: floats("means") };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.warn(`${error.message.split("; ")[0]}; its items are begun again`);
      return undefined;
    }
  }

  /** Writes where the chunk stands, if its time has come. */
  async write(chunk: Chunk, halfway: () => Promise<Halfway>): Promise<void> {
    if (performance.now() - this.saved < this.every) return;
    const { states, means } = await halfway();
    const tensor = (name: string, data: Float32Array) => [name, { shape: [data.length], data }] as const;
    const hidden = states.flatMap((state, i) => (state ? [tensor(`hidden.${i}`, state.hidden)] : []));
    const layers = JSON.stringify(states.map((state) => state?.layers ?? null));
    const tensors = [tensor("means", means), ...hidden];
    const metadata = { chunk: keyOf(chunk), layers, ...checksumOf(tensors) };
    writeWhole(this.path, safetensorsParts(tensors, metadata));
    this.saved = performance.now();
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

/** What a chunk consists of: its items and how they are cut into batches. */
const keyOf = ({ items, batches }: Chunk) =>
  JSON.stringify([items.map(({ id }) => id), batches.map(({ values }) => values.shape)]);
