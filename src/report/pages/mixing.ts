/** What becomes of the items of a batch in published MHA, by the scale of the features: table and figure, and the paper's share. */
import { factors } from "../../experiments/plan/probes.js";
import type { CellResult } from "../../experiments/types.js";
import type { Measures } from "../../models/measures.js";
import type { Figure } from "../figures/figure.js";
import { type GridRow, panelGrid } from "../figures/grid.js";
import { bounded, type ProbeResults } from "../tables/probe-cells.js";
import { paperRows } from "../tables/rows.js";
import type { TextTable } from "../tables/text-table.js";
import { rateText } from "../tables/words.js";

export const mixingNote =
  "MHA as published attends over the items of a batch. Share kept: its accuracy in % of DAAMv1's, mean over runs. Weight on itself: of an " +
  "item's attention, in %, mean over items, layers and heads, before → after training; 100 ÷ batch where all items look alike. Spread: how " +
  "much the items of a batch differ after attention ÷ how much they differ before it, each as root mean square less the batch's mean ÷ root " +
  "mean square; 0 where all items become the same. Both on the first 256 training items.";

export type Place = [condition: ProbeResults["probe"]["conditions"][number], rate: number];

const places = ({ probe, budget }: ProbeResults): Place[] =>
  budget.rates.flatMap((rate) => probe.conditions.map((condition): Place => [condition, rate]));

/** By run: accuracy of published MHA in % of DAAMv1's. */
export function sharesKept(of: ProbeResults, [condition, rate]: Place): number[] {
  const daam = of.cells("daam-v1", condition, rate);
  return of.cells("mha", condition, rate).flatMap(({ config, last }) => {
    const other = daam.find((cell) => cell.config.run === config.run);
    return other ? [(100 * last.accuracy) / other.last.accuracy] : [];
  });
}

export const measuresOf = (cells: readonly CellResult[], when: "before" | "after", name: keyof Measures) =>
  cells.flatMap(({ measured }) => measured?.[when][name] ?? []);

/** What becomes of the items of a batch in published MHA: a line a condition and rate. */
export function mixingTable(of: ProbeResults): TextTable {
  const mean = (values: readonly number[], text: (value: number) => string) =>
    values.length ? text(bounded(values).mean) : "–";
  const rows = places(of).flatMap(([condition, rate]) => {
    const cells = of.cells("mha", condition, rate);
    if (!cells.length) return [];
    const course = (name: keyof Measures, text: (value: number) => string) =>
      (["before", "after"] as const).map((when) => mean(measuresOf(cells, when, name), text)).join(" → ");
    return [
      [
        condition.title,
        rateText(rate),
        mean(sharesKept(of, [condition, rate]), (value) => `${value.toFixed(0)} %`),
        course("itself", (value) => (100 * value).toFixed(1)),
        course("spread", (value) => value.toFixed(value < 0.1 ? 3 : 2)),
      ],
    ];
  });
  return {
    columns: [
      "hidden states",
      "rate",
      "share kept",
      `weight on itself, % (batch of ${of.task.batch})`,
      "spread",
    ],
    rows,
  };
}

/** What scale does to published MHA: the share of DAAMv1's accuracy that it keeps, weights and spread; a column a task. */
export function mixingFigure(parts: readonly ProbeResults[]): Figure | undefined {
  const started = parts.filter(({ probe, budget, cells }) =>
    probe.conditions.some((condition) => budget.rates.some((rate) => cells("mha", condition, rate).length)),
  );
  if (!started.length) return undefined;
  const labels = ["raw", "std."].flatMap((kind) => factors.map((factor) => `${kind}<br>× ${factor}`));
  const row = (
    yTitle: string,
    values: (of: ProbeResults, place: Place) => Record<string, number[]>,
    level: (of: ProbeResults) => { value: number; name: string } | undefined,
  ): GridRow => ({
    yTitle,
    panels: started.map((of) => {
      const found = places(of).map((place) => ({ place, values: values(of, place) }));
      const names = [...new Set(found.flatMap((entry) => Object.keys(entry.values)))];
      const line = level(of);
      return {
        title: of.task.title,
        labels,
        xTitle: "hidden states",
        ...(line && { level: line }),
        curves: names.map((name) => ({
          name,
          points: of.probe.conditions.map((condition) => {
            const all = found.flatMap((entry) =>
              entry.place[0] === condition ? (entry.values[name] ?? []) : [],
            );
            return all.length ? bounded(all) : undefined;
          }),
        })),
      };
    }),
  });
  const measures =
    (name: keyof Measures, scale: number) =>
    (of: ProbeResults, [condition, rate]: Place) => {
      const cells = of.cells("mha", condition, rate);
      const values = (when: "before" | "after") =>
        measuresOf(cells, when, name).map((value) => scale * value);
      const [first] = of.budget.rates;
      // weights before training do not depend on the rate
      return {
        [`after training at ${rateText(rate)}`]: values("after"),
        ...(rate === first && { "before training": values("before") }),
      };
    };
  const rows = [
    row(
      "share of DAAMv1, %",
      (of, place) => ({ [`after training at ${rateText(place[1])}`]: sharesKept(of, place) }),
      ({ task }) => {
        const value = paperShare(task.name);
        return value === undefined ? undefined : { value, name: "the paper's share" };
      },
    ),
    row("weight on itself, %", measures("itself", 100), ({ task }) => ({
      value: 100 / task.batch,
      name: "all items alike",
    })),
    row("spread", measures("spread", 1), () => undefined),
  ];
  return panelGrid("MHA as published, over the batch (95 % intervals over runs)", rows);
}

/** The paper's MHA in % of its DAAMv1, printed means. */
export function paperShare(task: string): number | undefined {
  const found = paperPair(task);
  return found && (100 * found.mha) / found.daam;
}

export function paperPair(task: string): { mha: number; daam: number } | undefined {
  const [mha, daam] = ["MHA", "DAAMv1"].map((title) => paperRows(task).find((row) => row.title === title));
  return mha && daam && { mha: mha.printed.mean, daam: daam.printed.mean };
}
