import type { Condition } from "../../experiments/plan/probes.js";
import { type Bounded, bounded, type ProbeResults } from "../tables/probe-cells.js";
import type { Style } from "./figure.js";
import { styleOf } from "./method-style.js";

/** Accuracies in % of every row at a rate, last epoch, with their intervals: a point a condition. */
export const accuracyCurves = (
  { probe, cells }: ProbeResults,
  conditions: readonly Condition[],
  rate: number,
): { name: string; style: Style; points: (Bounded | undefined)[] }[] =>
  probe.rows.map(({ name, title }) => ({
    name: title,
    style: styleOf(name),
    points: conditions.map((condition) => {
      const accuracies = cells(name, condition, rate).map(({ last }) => 100 * last.accuracy);
      return accuracies.length ? bounded(accuracies) : undefined;
    }),
  }));
