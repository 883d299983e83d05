/** Cells of an expected length, in seconds of one processor. */
export interface Expected {
  name: string;
  task: string;
  seconds: number;
}

/** Tasks of a cluster that have one time limit. */
export interface Packed {
  /** Minutes. */
  limit: number;
  /** Names of the cells of each. */
  tasks: string[][];
}

/** Minutes that reading and compiling may take, and how many times slower than expected a node may be. */
const START = 5;
const SLOWER = 2;

/**
 * Fills tasks of a chosen time with cells, longest first; each has cells of one task of the experiment, whose hidden states it reads once. A
 * longer cell has one of its own. Those whose limits, rounded up to doublings, are equal stand together.
 * @param minutes to fill
 * @param processors of a task, which trains as many cells at a time
 */
export function pack(cells: readonly Expected[], minutes: number, processors: number): Packed[] {
  const bins: { task: string; left: number; longest: number; names: string[] }[] = [];
  for (const { name, task, seconds } of [...cells].sort((a, b) => b.seconds - a.seconds)) {
    let bin = bins.find((bin) => bin.task === task && bin.left >= seconds);
    if (!bin) {
      bin = { task, left: 60 * minutes * processors, longest: seconds / 60, names: [] };
      bins.push(bin);
    }
    bin.left -= seconds;
    bin.names.push(name);
  }
  const packed = new Map<number, string[][]>();
  for (const { longest, names } of bins) {
    const doublings = Math.max(0, Math.ceil(Math.log2(longest / minutes)));
    const limit = Math.ceil(SLOWER * minutes * 2 ** doublings + START);
    packed.set(limit, [...(packed.get(limit) ?? []), names]);
  }
  return [...packed].map(([limit, tasks]) => ({ limit, tasks }));
}
