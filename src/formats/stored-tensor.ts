import type { HostTensor, StoredDtype } from "./safetensors.js";

/** A tensor on disk: what it is, and how to get its values (widened to float32 or int32). */
export interface StoredTensor {
  dtype: StoredDtype;
  shape: number[];
  read(): HostTensor;
  /** Widens floats into an array of as many, a few megabytes at a time; where it is left out, `read` is the way. */
  readInto?(values: Float32Array): void;
}

/** The tensors of a checkpoint by name, none of them read yet. */
export type Checkpoint = Map<string, StoredTensor>;
