import { interval } from "./inference.js";
import { tidy } from "./summary.js";
import { overBlocks } from "./variance-components.js";

export interface RunDifference {
  /** Mean of a − b, and its 95 % interval (Student's t over the pairs); infinite for a single pair. */
  mean: number;
  low: number;
  high: number;
  n: number;
}

/** a − b over runs that share their data and seeds; the interval holds for the spread over runs alone. */
export function pairedDifference(a: readonly number[], b: readonly number[]): RunDifference {
  const differences = a.map((value, i) => value - b[i]!);
  const n = differences.length;
  const found = overBlocks(differences.map((value) => [[value]]));
  if (!found) return { mean: differences[0]!, low: -Infinity, high: Infinity, n };
  const [low, high] = interval(found);
  return { mean: tidy(found.mean), low, high, n };
}
