import type { HostTensor, StoredDtype } from "./safetensors.js";

/** A tensor on disk: what it is, and how to get its values (widened to float32 or int32). */
export interface StoredTensor {
  dtype: StoredDtype;
  shape: number[];
  read(): HostTensor;
}

/** The tensors of a checkpoint by name, none of them read yet. */
export type Checkpoint = Map<string, StoredTensor>;
