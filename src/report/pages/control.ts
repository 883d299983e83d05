/** A positive control: tables, figures and the section of a README from the cells of the part "control". */
import { strengths } from "../../experiments/plan/probes.js";
import {
  type Contrast,
  contrastTitle,
  judgedProbes,
  type ProbeDifference,
  probeDifferences,
  probeDifferencesNote,
  probeDifferenceTable,
} from "../claims/probe-differences.js";
import type { ItemsOf } from "../claims/paired.js";
import type { Figure } from "../figures/figure.js";
import { type GridRow, panelGrid } from "../figures/grid.js";
import { accuracyCurves } from "../figures/probe-curves.js";
import { type ProbeResults, probeTable } from "../tables/probe-cells.js";
import { toMarkdown } from "../tables/text-table.js";
import { rateText, withInterval } from "../tables/words.js";

export const controlNote =
  "Synthetic data from real hidden states, standardised, on which one kind of attention should help. **Impulses**: of every three adjacent " +
  "layers one, another in every item, gets noise of a random size (strength · |n|, n standard normal; uniform over features). The layers of a " +
  "head of DAAMv1 are three: a value far from their mean gets a smaller weight there, which no decoder without attention can do for one item " +
  "and not for the next. **Decoys**: of every three adjacent layers one, another in every item, stays and is marked (4 is added to the " +
  "first eighth of its features), the two others are those of another item, of any class. Only who reads the marks of an item knows " +
  "which layers tell its class: dot products between layers can, weights of single features cannot. Accuracy in %, mean ± population sd over " +
  "runs, last epoch.";

const contrasts: readonly Contrast[] = [
  ["daam-v1", "no-attention"],
  ["mixture", "no-attention"],
  ["softmax-weights", "no-attention"],
  ["mha-layers", "no-attention"],
  ["daam-v1", "mha-layers"],
];

export const controlDifferences = (of: ProbeResults, itemsOf?: ItemsOf): ProbeDifference[] =>
  probeDifferences(of, contrasts, itemsOf);

/** Accuracy against the strength of the impulses, and with decoys; a line a row, panels by task and rate. */
export function controlFigure(parts: readonly ProbeResults[]): Figure | undefined {
  const started = parts.filter(({ results }) => results.length);
  if (!started.length) return undefined;
  const rows = started.map((of): GridRow => {
    const { task, probe, budget } = of;
    const panel = (xTitle: string, names: string[], labels: string[], rate: number) => ({
      title: `${task.title}, ${rateText(rate)}`,
      labels,
      xTitle,
      level: { value: 100 / task.classes.length, name: "chance" },
      curves: accuracyCurves(
        of,
        names.map((name) => probe.conditions.find((condition) => condition.name === name)!),
        rate,
      ),
    });
    const impulses = strengths.map((strength) => `impulses-${strength}`);
    return {
      yTitle: "test accuracy, %",
      panels: [
        ...budget.rates.map((rate) =>
          panel("strength of the impulses", impulses, strengths.map(String), rate),
        ),
        ...budget.rates.map((rate) => panel("decoys", [impulses[0]!, "decoys"], ["without", "with"], rate)),
      ],
    };
  });
  return panelGrid("A positive control (last epoch, 95 % intervals over runs)", rows);
}

/** Which row should win where. */
const expected: readonly { contrast: Contrast; condition: string; without: string }[] = [
  { contrast: contrasts[0]!, condition: `impulses-${strengths.at(-1)}`, without: "impulses-0" },
  { contrast: contrasts[3]!, condition: "decoys", without: "impulses-0" },
];

/** A sentence an expectation, task and rate. */
export function controlFindings(of: ProbeResults, differences: readonly ProbeDifference[]): string[] {
  return expected.flatMap(({ contrast, condition, without }) =>
    of.budget.rates.flatMap((rate) => {
      const at = (name: string) =>
        differences.find(
          (entry) => entry.contrast === contrast && entry.rate === rate && entry.condition.name === name,
        )!;
      const [there, plain] = [at(condition), at(without)];
      if (!there.found) return [];
      const { mean, sure, verdict } = there.found;
      const beside = plain.found ? `; without, ${plain.found.verdict}` : "";
      return [
        `${of.task.title}, ${there.condition.title}, ${rateText(rate)}: ${contrastTitle(of, contrast)} ` +
          `${withInterval(mean, sure?.interval)}, ${verdict}${beside}.`,
      ];
    }),
  );
}

/** Whether the rows that should win do: what the null results of the tables are worth. Empty before there are cells. */
export function controlVerdict(differences: readonly (readonly ProbeDifference[])[]): string {
  const counts = expected.map(({ contrast, condition }) => {
    const found = differences.flatMap((list) =>
      list.flatMap((entry) =>
        entry.contrast === contrast && entry.condition.name === condition ? (entry.found ?? []) : [],
      ),
    );
    return { all: found.length, better: found.filter(({ verdict }) => verdict === "better").length };
  });
  const [density, products] = counts as [(typeof counts)[0], (typeof counts)[0]];
  if (!density.all || !products.all) return "";
  const say = ({ all, better }: typeof density, row: string, where: string) =>
    `${row} is better than no attention in ${better} of ${all} pairs of task and rate ${where}`;
  const [all, none] = [
    counts.every(({ all, better }) => all === better),
    counts.every(({ better }) => better === 0),
  ];
  const conclusion = all
    ? "The set-up sees effects of attention of this size where they are built in: that the tables show none between rows on these tasks is " +
      "not for want of attention that trains."
    : none
      ? "The set-up does not show an effect where one was built in: its null results say little."
      : "The set-up sees an effect in some of the cases where one was built in, and in others not: null results on the latter say little.";
  return `${say(density, "DAAMv1", "under the strongest impulses")}; ${say(products, "MHA over the layers", "with decoys")}. ${conclusion}`;
}

/** The section of a published README. */
export function controlBlocks(
  all: readonly ProbeResults[],
  image: (name: string, alt: string) => string[],
  itemsOf?: ItemsOf,
): string[] {
  const parts = judgedProbes(all, contrasts, itemsOf);
  const findings = parts.flatMap(({ of, differences }) => controlFindings(of, differences));
  return [
    controlNote,
    controlVerdict(parts.map(({ differences }) => differences)),
    findings.map((text) => `- ${text}`).join("\n"),
    ...image("control", "Accuracy against the strength of impulses, and with decoys"),
    ...parts.flatMap(({ of, differences }) => [
      `### ${of.task.title}: the control`,
      toMarkdown(probeTable(of)).trimEnd(),
      toMarkdown(probeDifferenceTable(of, differences)).trimEnd(),
    ]),
    probeDifferencesNote,
  ];
}
