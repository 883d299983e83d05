import { isDeepStrictEqual } from "node:util";
import { sameConfig } from "../experiments/plan/cell.js";
import type { CellResult } from "../experiments/types.js";

/** Accuracies of another backend may differ by so much: 3 points. */
const tolerance = 0.03;

/** How the cells of a run compare with published ones of the same configuration. */
export interface Agreement {
  compared: number;
  agreeing: number;
  /** Those that do not agree, each with what differs. */
  differing: string[];
  /** Cells that had no published counterpart. */
  unmatched: number;
}

/**
 * Compares cell by cell: the same backend must give equal digits (curve and predictions), another one best and last accuracies within
 * three points.
 */
export function agreement(
  results: readonly CellResult[],
  published: (name: string) => CellResult | undefined,
): Agreement {
  const sum: Agreement = { compared: 0, agreeing: 0, differing: [], unmatched: 0 };
  for (const result of results) {
    const before = published(result.name);
    if (!before || !sameConfig(before.config, result.config)) {
      sum.unmatched++;
      continue;
    }
    sum.compared++;
    const difference = differs(result, before);
    if (difference) sum.differing.push(`${result.name} (${difference})`);
    else sum.agreeing++;
  }
  return sum;
}

function differs(now: CellResult, before: CellResult): string | undefined {
  const percent = (value: number) => (100 * value).toFixed(1);
  const pairs = [now, before]
    .map(({ best, last }) => `${percent(best.accuracy)}/${percent(last.accuracy)}`)
    .join(", was ");
  if (now.backend === before.backend) {
    const digits = ({ curve, predictions }: CellResult) => ({ curve, predictions });
    return isDeepStrictEqual(digits(now), digits(before))
      ? undefined
      : `best/last ${pairs}; losses apart by ${lossesApart(now, before)}`;
  }
  const apart = Math.max(
    Math.abs(now.best.accuracy - before.best.accuracy),
    Math.abs(now.last.accuracy - before.last.accuracy),
  );
  return apart <= tolerance + 1e-9 ? undefined : `best/last ${pairs} on ${before.backend}`;
}

/** "142 of 145 cells agree with the published ones", and which do not. */
export function agreementLines({ compared, agreeing, differing, unmatched }: Agreement): string[] {
  if (compared === 0)
    return ["no cell with this configuration was published before: nothing to compare with"];
  const rest = unmatched > 0 ? ` (${unmatched} more have no published counterpart)` : "";
  return [
    `${agreeing} of ${compared} cells agree with the published ones${rest}`,
    ...differing.map((line) => `  differs: ${line}`),
  ];
}

/** Largest relative difference of the training losses. */
function lossesApart(now: CellResult, before: CellResult): string {
  const apart = now.curve.map(({ trainLoss }, i) => {
    const other = before.curve[i]?.trainLoss ?? NaN;
    return Math.abs(trainLoss - other) / Math.abs(other);
  });
  return Math.max(...apart).toExponential(0);
}
