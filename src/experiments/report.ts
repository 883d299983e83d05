import { UserError } from "../errors.js";
import { Run, type RunOptions } from "./run.js";

/**
 * Publishes the finished cells of a preset to `results/<preset>/`.
 * @throws UserError when cells are missing and `partial` is not asked for, or when none is finished.
 */
export async function report(
  preset: string,
  { partial = false, ...options }: RunOptions & { partial?: boolean },
): Promise<void> {
  const run = new Run(preset, options);
  const cells = run.plan();
  const finished = cells.filter((cell) => run.finished(cell)).length;
  if (finished === 0)
    throw new UserError(
      `no cell of ${preset} is finished in ${run.store.folder}: daam run --preset ${preset} trains them`,
    );
  if (finished < cells.length && !partial)
    throw new UserError(
      `${cells.length - finished} of ${cells.length} cells are missing: daam run --preset ${preset} trains them, --partial publishes what is there`,
    );
}
