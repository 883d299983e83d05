/** What a helper thread is started with. */
export interface Helper {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the block that jobs are told in (assembly/threads.ts). */
  job: number;
  thread: number;
}

/** Words of a job before its arguments, and all of them. */
export const HEADER = 8;
export const WORDS = 64;

/** The word on which a job's end is waited for, and the one that says that a helper died. */
const FINISHED = 2;
export const DIED = 7;

/** Says that a helper is no more, so that nobody waits for it. */
export function tellDeath({ memory, job }: Helper): void {
  const words = new Int32Array(memory.buffer, job, HEADER);
  Atomics.store(words, DIED, 1);
  Atomics.notify(words, FINISHED);
}
