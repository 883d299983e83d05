/** The scale of the features: tables, figures and the section of a README from the cells of the part "scale". */
import { factors } from "../../experiments/plan/probes.js";
import {
  type Contrast,
  contrastTitle,
  judgedProbes,
  type ProbeDifference,
  probeDifferences,
  probeDifferencesNote,
  probeDifferenceTable,
  verdictCounts,
} from "../claims/probe-differences.js";
import type { ItemsOf } from "../claims/paired.js";
import type { Figure } from "../figures/figure.js";
import { type GridRow, panelGrid } from "../figures/grid.js";
import { accuracyCurves } from "../figures/probe-curves.js";
import { accuracyOf, bounded, type ProbeResults, probeTable } from "../tables/probe-cells.js";
import { toMarkdown } from "../tables/text-table.js";
import { points, rateText } from "../tables/words.js";
import {
  measuresOf,
  mixingNote,
  mixingTable,
  paperPair,
  paperShare,
  type Place,
  sharesKept,
} from "./mixing.js";

export const scaleNote =
  "The same decoders on the same hidden states, multiplied by 1, 8 or 32: as the encoder gives them (raw), or with mean 0 and standard " +
  "deviation 1 of each layer and feature over the training items (standardised). Frozen: DAAMv1 whose δ and c do not learn. Constant: every " +
  "hidden state times the mean weight of the trained DAAMv1 of the same run, condition and rate: shrinkage alone. Accuracy in %, mean ± " +
  "population sd over runs, last epoch.";

const contrasts: readonly Contrast[] = [
  ["daam-v1", "no-attention"],
  ["daam-v1", "frozen"],
  ["daam-v1", "constant"],
  ["daam-v1", "mha"],
  ["daam-v1", "mha-layers"],
];

export const scaleDifferences = (of: ProbeResults, itemsOf?: ItemsOf): ProbeDifference[] =>
  probeDifferences(of, contrasts, itemsOf);

const kinds = ["raw", "standardised"] as const;

/** Accuracy against the factor, a line a row; panels by task, kind of hidden states and rate. */
export function scaleFigure(parts: readonly ProbeResults[]): Figure | undefined {
  const started = parts.filter(({ results }) => results.length);
  if (!started.length) return undefined;
  const rows = started.map((of): GridRow => {
    const { task, probe, budget } = of;
    const panels = kinds.flatMap((kind) =>
      budget.rates.map((rate) => {
        const conditions = probe.conditions.filter(({ name }) => name.startsWith(kind));
        return {
          title: `${task.title}, ${kind}, ${rateText(rate)}`,
          labels: factors.map((factor) => `× ${factor}`),
          xTitle: "factor",
          level: { value: 100 / task.classes.length, name: "chance" },
          curves: accuracyCurves(of, conditions, rate),
        };
      }),
    );
    return { yTitle: "test accuracy, %", panels };
  });
  return panelGrid(
    "Accuracy against the scale of the hidden states (last epoch, 95 % intervals over runs)",
    rows,
  );
}

/** A sentence a task: what scale does to published MHA, and to what DAAMv1 gains; empty strings are left out. */
export function scaleFindings(of: ProbeResults, differences: readonly ProbeDifference[]): string[] {
  return [
    keptSentence(of),
    mixedSentence(of),
    ...contrasts.slice(0, 3).map((contrast) => gainSentence(of, contrast, differences)),
  ]
    .filter((text) => text)
    .map((text) => `${of.task.title}: ${text}`);
}

interface Kept {
  condition: Place[0];
  share: number;
}

/** Where published MHA keeps least and most of DAAMv1's accuracy, among conditions whose names begin so. */
function keptRange(of: ProbeResults, rate: number, kind = ""): { least: Kept; most: Kept } | undefined {
  const kept = of.probe.conditions.flatMap((condition): Kept[] => {
    const shares = condition.name.startsWith(kind) ? sharesKept(of, [condition, rate]) : [];
    return shares.length ? [{ condition, share: bounded(shares).mean }] : [];
  });
  const sorted = [...kept].sort((a, b) => a.share - b.share);
  return sorted.length > 1 ? { least: sorted[0]!, most: sorted.at(-1)! } : undefined;
}

function keptSentence(of: ProbeResults): string {
  const rate = Math.max(...of.budget.rates);
  const range = keptRange(of, rate);
  if (!range) return "";
  const paper = paperShare(of.task.name);
  const { least, most } = range;
  return (
    `at ${rateText(rate)} published MHA keeps ${least.share.toFixed(0)} % of DAAMv1's accuracy on ${least.condition.title} and ` +
    `${most.share.toFixed(0)} % on ${most.condition.title}${paper === undefined ? "" : `; the paper's keeps ${paper.toFixed(0)} %`}.`
  );
}

function mixedSentence(of: ProbeResults): string {
  const rate = Math.max(...of.budget.rates);
  const range = keptRange(of, rate);
  if (!range) return "";
  const spread = ({ condition }: { condition: Place[0] }) => {
    const values = measuresOf(of.cells("mha", condition, rate), "before", "spread");
    return values.length
      ? `${(100 * bounded(values).mean).toPrecision(2)} % on ${condition.title}`
      : undefined;
  };
  const [least, most] = [spread(range.least), spread(range.most)];
  return least && most
    ? `before training, the items of a batch differ after published MHA by this much of what they differ before it: ${least}, ${most}.`
    : "";
}

function gainSentence(of: ProbeResults, contrast: Contrast, differences: readonly ProbeDifference[]): string {
  const own = differences.filter((entry) => entry.contrast === contrast && entry.found);
  if (!own.length) return "";
  return `${contrastTitle(of, contrast)}, by condition and rate: ${verdictCounts(own)}.`;
}

/**
 * What the paper's gap between DAAMv1 and MHA may owe to scale, by the task where it is largest: the share that published MHA keeps when raw
 * hidden states are multiplied, and what it is behind where it does best. Empty without its cells.
 */
export function scaleOfPaper(parts: readonly ProbeResults[]): string {
  const of = parts.find(({ task }) => task.name === "vision");
  const paper = of && paperPair(of.task.name);
  if (!of || !paper) return "";
  const rate = Math.max(...of.budget.rates);
  const [all, raw] = [keptRange(of, rate), keptRange(of, rate, "raw")];
  if (!all || !raw) return "";
  const accuracy = (method: string, condition: Place[0]) =>
    accuracyOf(of.cells(method, condition, rate))?.mean;
  const ahead = ({ condition }: Kept) =>
    points(accuracy("daam-v1", condition)! - accuracy("mha", condition)!);
  const text = ({ share, condition }: Kept) => `${share.toFixed(0)} % on ${condition.title}`;
  const share = (100 * paper.mha) / paper.daam;
  const best = all.most;
  const layers = accuracy("mha-layers", best.condition);
  return [
    `**What the paper's ${paper.mha} against ${paper.daam} on ${of.task.paper.data} may owe to scale.** Its MHA keeps ${share.toFixed(0)} % of DAAMv1. Here, ` +
      `at ${rateText(rate)} on the same items, a factor alone takes the share of published MHA from ${text(raw.least)} to ${text(raw.most)}: DAAMv1 is ` +
      `${ahead(raw.least)} and ${ahead(raw.most)} points ahead. Over all conditions the share is largest with ${text(best)}.`,
    share > all.most.share
      ? "The paper's MHA keeps more than ours at any scale: hidden states that are too small do not explain its gap."
      : share < all.least.share
        ? "The paper's MHA keeps less than ours at any scale: scale does not explain its gap."
        : "The paper's share lies between these: the scale of the hidden states decides whether a gap like the paper's or a far larger one is " +
          "seen, and that one of them agrees with the paper at one scale is a coincidence.",
    `Where published MHA does best, DAAMv1 is still ${ahead(best)} points ahead, ${(100 - best.share).toFixed(0)} % of its accuracy (the paper: ` +
      `${(100 - share).toFixed(0)} %): that part is not the scale's.`,
    layers === undefined
      ? ""
      : `Attention over the layers, as the paper's text has it, keeps ${((100 * layers) / accuracy("daam-v1", best.condition)!).toFixed(0)} % there.`,
    "How large the paper's hidden states are is not printed: only its encoders could tell (`npx daam inspect` shows the scale of a feature file).",
  ]
    .filter((sentence) => sentence)
    .join(" ");
}

/** The section of a published README. */
export function scaleBlocks(
  all: readonly ProbeResults[],
  image: (name: string, alt: string) => string[],
  itemsOf?: ItemsOf,
): string[] {
  const parts = judgedProbes(all, contrasts, itemsOf);
  const findings = parts.flatMap(({ of, differences }) => scaleFindings(of, differences));
  return [
    scaleNote,
    scaleOfPaper(parts.map(({ of }) => of)),
    findings.map((text) => `- ${text}`).join("\n"),
    ...image("scale", "Accuracy against the scale of the hidden states"),
    ...parts.flatMap(({ of }) => [
      `### ${of.task.title}: accuracy by scale`,
      toMarkdown(probeTable(of)).trimEnd(),
    ]),
    "### Published MHA over the batch",
    mixingNote,
    ...image("scale-mixing", "Share kept, weight on itself and spread against scale"),
    ...parts.flatMap(({ of }) => {
      const table = mixingTable(of);
      return table.rows.length ? [`${of.task.title}:`, toMarkdown(table).trimEnd()] : [];
    }),
    "### Differences by scale",
    probeDifferencesNote,
    ...parts.flatMap(({ of, differences }) => [
      `${of.task.title}:`,
      toMarkdown(probeDifferenceTable(of, differences)).trimEnd(),
    ]),
  ];
}
