import { join } from "node:path";

/** Where a run folder keeps how far a cell's training has come; gone when the cell is finished. */
export const checkpointPath = (folder: string, name: string) =>
  join(folder, "checkpoints", `${name}.safetensors`);
