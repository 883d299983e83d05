import { availableParallelism, cpus, release, totalmem, type } from "node:os";

/** Where a run took place. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGB: number;
  system: string;
  node: string;
}

/** A machine in words, as pages on costs name it. */
export const machineText = ({ cpu, cores, memoryGB, system }: Machine): string =>
  `${cpu}, ${cores} cores, ${memoryGB} GB, ${system}`;

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || "unknown processor",
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
  };
}
