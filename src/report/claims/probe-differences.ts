/** Differences between rows on changed hidden states, at the same condition and rate. */
import type { Condition } from "../../experiments/plan/probes.js";
import { type ProbeResults, titleIn } from "../tables/probe-cells.js";
import type { TextTable } from "../tables/text-table.js";
import { intervalText, points, rateText } from "../tables/words.js";
import { judgeFamily, type Judged, verdicts } from "./judge.js";
import { difference, type Difference, type ItemsOf, less } from "./paired.js";

export type Contrast = readonly [a: string, b: string];

export interface ProbeDifference {
  contrast: Contrast;
  condition: Condition;
  rate: number;
  /** Left out where the rows share no finished run. */
  found?: Difference & Judged;
}

export const probeDifferencesNote =
  "Differences in points of accuracy at the last epoch, at the same condition and rate, over runs that share data, items and seeds; in " +
  "brackets the 95 % interval from variance components of seeds and test items (on speech: actors), over folds where each has one seed. " +
  "Verdicts (b better, w worse, = equivalent within 1 point, nothing: undecided) are corrected by Holm over the conditions and rates of a " +
  "comparison.";

/** Every comparison under every condition at every rate; those of a comparison are one family. */
export function probeDifferences(
  of: ProbeResults,
  contrasts: readonly Contrast[],
  itemsOf?: ItemsOf,
): ProbeDifference[] {
  return contrasts.flatMap((contrast) => {
    const places = of.budget.rates.flatMap((rate) =>
      of.probe.conditions.map((condition) => ({ contrast, condition, rate })),
    );
    const judged = judgeFamily(
      places.map(({ condition, rate }) => {
        const [a, b] = contrast.map((method) => ({ results: of.cells(method, condition, rate) }));
        return difference(of.task, less(a!, b!), "last", itemsOf);
      }),
    );
    return places.map((place, i) => ({ ...place, ...(judged[i] && { found: judged[i] }) }));
  });
}

/** A part's tasks that have cells, each with its comparisons. */
export const judgedProbes = (
  parts: readonly ProbeResults[],
  contrasts: readonly Contrast[],
  itemsOf?: ItemsOf,
): { of: ProbeResults; differences: ProbeDifference[] }[] =>
  parts
    .filter(({ results }) => results.length > 0)
    .map((of) => ({ of, differences: probeDifferences(of, contrasts, itemsOf) }));

const marks: Record<Judged["verdict"], string> = {
  better: " b",
  worse: " w",
  [verdicts[2]]: " =",
  undecided: "",
} as Record<Judged["verdict"], string>;

/** A line a comparison and rate, a column a condition. */
export function probeDifferenceTable(of: ProbeResults, differences: readonly ProbeDifference[]): TextTable {
  const text = ({ found }: ProbeDifference) =>
    found
      ? `${points(found.mean)}${found.sure ? ` ${intervalText(found.sure.interval)}` : ""}${marks[found.verdict]}`
      : "–";
  const lines = new Map<string, string[]>();
  for (const entry of differences) {
    const title = contrastTitle(of, entry.contrast);
    const key = `${title} ${entry.rate}`;
    const line = lines.get(key) ?? [title, rateText(entry.rate)];
    lines.set(key, [...line, text(entry)]);
  }
  return {
    columns: ["difference", "rate", ...of.probe.conditions.map(({ title }) => title)],
    rows: [...lines.values()],
  };
}

export const contrastTitle = (of: ProbeResults, [a, b]: Contrast) => `${titleIn(of, a)} − ${titleIn(of, b)}`;

/** How often each verdict was given among some differences: "better 3, undecided 9"; empty where none was made. */
export function verdictCounts(differences: readonly ProbeDifference[]): string {
  const found = differences.flatMap((entry) => entry.found ?? []);
  return verdicts
    .map((verdict) => [verdict, found.filter((entry) => entry.verdict === verdict).length] as const)
    .flatMap(([verdict, count]) => (count ? [`${verdict} ${count}`] : []))
    .join(", ");
}
