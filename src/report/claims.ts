/** The paper's further claims, a sentence each, computed from cells and counts: stability, layers, parameters, learned spread, order. */
import { sampleRankCorrelation } from "simple-statistics";
import { paperHighLow, paperParameters } from "../experiments/paper.js";
import type { Task } from "../experiments/types.js";
import { randomStream } from "../random.js";
import { learnedRange, predictions } from "./attention-maps.js";
import { difference, type ItemsOf, seedOf } from "./paired.js";
import { DRAWS, percentiles } from "./resampling.js";
import { type Protocol, type ResultTable, rowOf, summary, type TableRow } from "./rows.js";
import { differenceText, points } from "./verdict.js";

/** Further claims on the tables. */
export function furtherSentences(tables: readonly ResultTable[]): string[] {
  return [...tables.map(stabilitySentence), ...tables.map(orderSentence), spreadSentence(tables)].filter(
    Boolean,
  );
}

/** How far the published dot-product attention, over the batch, is from chance. */
export function chanceSentence(table: ResultTable): string {
  const [published, corrected] = ["mha", "mha-layers"].map((name) => rowOf(table, name));
  const [batch, layers] = [published, corrected].map((row) => row && summary(row, "last"));
  if (!batch || !layers) return "";
  return (
    `Published MHA attends over the batch, so that a prediction depends on unrelated neighbours: ${batch.mean.toFixed(1)} % on ` +
    `${table.task.name} at the last epoch, where chance is ${(100 / table.task.classes.length).toFixed(0)} % and MHA over the layers ` +
    `reaches ${layers.mean.toFixed(1)} %.`
  );
}

/** Rows that learned nothing in some runs: at the last epoch one class is predicted for every test item. */
export function collapseSentence({ task, rows }: Pick<ResultTable, "task" | "rows">): string {
  const collapsed = rows.flatMap(({ title, results }) => {
    const n = results.filter((result) => new Set(predictions(result, task.classes.length)).size === 1).length;
    return n ? [`${title} (${n} of ${results.length} runs)`] : [];
  });
  return collapsed.length
    ? `One class for every test item at the last epoch: ${collapsed.join(", ")}. Means and differences include these runs.`
    : "";
}

/** Fewer accuracies than this have no spread worth an interval. */
const FEWEST = 5;

/**
 * Ratio of the sds of two rows over their shared seeds, with a 95 % bootstrap interval; over folds where there is one seed a fold.
 * Infinity where the second does not vary.
 */
export function sdRatio(
  task: Task,
  a: TableRow,
  b: TableRow,
  protocol: Protocol = "last",
): { ratio: number; over: "seeds" | "folds"; interval?: [number, number] } | undefined {
  const pairs = a.results.flatMap((left) => {
    const right = b.results.find(({ config }) => config.run === left.config.run);
    return right
      ? [{ run: left.config.run, values: [left[protocol].accuracy, right[protocol].accuracy] as const }]
      : [];
  });
  const folds = task.split === "folds" ? task.paperRuns.length : 1;
  const oneSeed = folds > 1 && new Set(pairs.map(({ run }) => seedOf(run, task))).size < 2;
  // what is resampled; its spread is taken within a fold where a fold has several seeds
  const units = new Map<number, { stratum: number; values: readonly [number, number] }[]>();
  for (const { run, values } of pairs) {
    const unit = oneSeed ? run : seedOf(run, task);
    const entry = { stratum: oneSeed ? 0 : (run - 1) % folds, values };
    units.set(unit, [...(units.get(unit) ?? []), entry]);
  }
  const drawn = [...units.values()];
  const ratio = ratioOfSds(drawn);
  if (drawn.length < 2 || Number.isNaN(ratio)) return undefined;
  const over = oneSeed ? "folds" : "seeds";
  if (drawn.length < FEWEST || ratio === Infinity) return { ratio, over };
  const random = randomStream(1, "sd ratio");
  const draw = () => ratioOfSds(drawn.map(() => drawn[random.below(drawn.length)]!));
  return { ratio, over, interval: percentiles(Float64Array.from({ length: DRAWS }, draw)) };
}

function ratioOfSds(units: { stratum: number; values: readonly [number, number] }[][]): number {
  const strata = new Map<number, (readonly [number, number])[]>();
  for (const { stratum, values } of units.flat())
    strata.set(stratum, [...(strata.get(stratum) ?? []), values]);
  const squares = (row: 0 | 1) =>
    [...strata.values()].reduce((sum, entries) => {
      const mean = entries.reduce((part, values) => part + values[row], 0) / entries.length;
      return sum + entries.reduce((part, values) => part + (values[row] - mean) ** 2, 0);
    }, 0);
  // equal accuracies differ by the rounding of their mean
  return squares(1) < 1e-12 ? Infinity : Math.sqrt(squares(0) / squares(1));
}

/** Spread of DAAMv1 against other rows. */
export function stabilitySentence(table: ResultTable): string {
  const density = rowOf(table, "daam-v1");
  const parts = ["mha", "mha-layers", "no-attention"].flatMap((name) => {
    const row = rowOf(table, name);
    const found = density && row && sdRatio(table.task, density, row);
    if (!found) return [];
    const { ratio, interval, over } = found;
    if (ratio === Infinity) return [{ over, text: `${row.title} does not vary` }];
    const range = interval?.map((end) => end.toFixed(2)).join(" to ") ?? "too few for an interval";
    return [{ over, text: `${row.title} ${ratio.toFixed(2)} (${range})` }];
  });
  if (!parts.length) return "";
  return (
    `Stability on ${table.task.name}, sd of DAAMv1 over ${parts[0]!.over} ÷ sd of another row, below 1 where DAAMv1 is more stable: ` +
    `${parts.map(({ text }) => text).join(", ")} (last epoch).`
  );
}

/** Rank correlation of the published rows with the paper. */
export function orderSentence(table: ResultTable): string {
  const both = table.rows.filter((row) => row.paper && row.results.length);
  if (both.length < 3) return "";
  const correlation = (protocol: Protocol) =>
    sampleRankCorrelation(
      both.map((row) => row.paper!.cells.mean),
      both.map((row) => summary(row, protocol)!.mean),
    ).toFixed(2);
  return (
    `Order of the ${both.length} published rows on ${table.task.name}: rank correlation with the paper ` +
    `${correlation("best")} (best epoch), ${correlation("last")} (last epoch).`
  );
}

/** The paper finds more learned spread where data are less stationary: speech, then text, then vision. */
export function spreadSentence(tables: readonly ResultTable[]): string {
  const widths = tables.map((table) => {
    const range = learnedRange(rowOf(table, "daam-v1")?.results ?? []);
    const width = ([low, high]: [number, number]) => (high - low).toFixed(3);
    return range && `${table.task.name} δ ${width(range.meanOffset)}, c ${width(range.scaledVariance)}`;
  });
  const known = widths.filter((entry) => entry);
  return known.length
    ? `Width of what DAAMv1 learned (the paper: speech > text > vision): ${known.join("; ")}.`
    : "";
}

/** Variants of the ablation of high against low layers, by method. */
export type LayerEntries = readonly { row: TableRow }[];

/**
 * Whether density attention gains more from its own choice of layers than a decoder without attention does: high less low layers of
 * DAAMv2, of no attention, and the difference of the two, last epoch; empty without these cells.
 */
export function layersSentence(task: Task, entries: LayerEntries, itemsOf?: ItemsOf): string {
  const term = (name: string, sign: 1 | -1) => ({
    results: entries.find(({ row }) => row.method?.name === name)?.row.results ?? [],
    sign,
  });
  const [density, plain] = ["daam-v2", "no-attention"].map((name) => [
    term(`${name}-highest`, 1),
    term(`${name}-lowest`, -1),
  ]);
  const more = [...density!, ...plain!.map(({ results, sign }) => ({ results, sign: -sign as 1 | -1 }))];
  const found = [density!, plain!, more].map((terms) => difference(task, terms, "last", itemsOf));
  if (found.some((entry) => !entry)) return "";
  const [a, b, c] = found.map(differenceText);
  const paper = (paperHighLow as Record<string, (typeof paperHighLow)["speech"]>)[task.name];
  const printed = paper ? ` (the paper: ${points(paper.high.mean - paper.low.mean)}, without a control)` : "";
  return (
    `Layers of high less layers of low attention on ${task.name}, ${found[0]!.runs === 1 ? "one run" : `${found[0]!.runs} runs`}: ` +
    `DAAMv2 ${a}${printed}; the same layers without attention ${b}; density attention gains ${c} more from them.`
  );
}

/** Sizes of hidden states in the paper: speech and vision, and text. */
const sizes = ["24x1024", "40x5120"] as const;
type Size = (typeof sizes)[number];

/** The paper's claims on parameters, counted from the shapes of its own models without the last linear layer. */
export function parameterSentences(): string[] {
  const count = (name: string, size: Size) => paperParameters[name]![size];
  const attention = (size: Size) => count("daam-v1", size) - count("no-attention", size);
  const fewer = (name: string) => (size: Size) => 100 * (1 - count(name, size) / count("lora-4", size));
  const share = (size: Size) => (100 * attention(size)) / count("gqa", size);
  return [
    `“0.016 %–0.08 % of the parameters of GQA models”: DAAMv1's attention is ${claimed(share, "%", (percent) => percent <= 0.08)}.`,
    `“At least 44 % fewer parameters than LoRA” (r=4): DAAMv1 has ${claimed(fewer("daam-v1"), "% fewer", (percent) => percent >= 44)}; ` +
      `DAAMv2 ${claimed(fewer("daam-v2"), "% fewer", (percent) => percent >= 44)}.`,
    `“LoRA needs at least 24 times more than DAAM”: r=4 has ${claimed(
      (size) => count("lora-4", size) / attention(size),
      "times DAAMv1's attention",
      (times) => times >= 24,
    )}.`,
    `“At least twice DAT”: r=4 has ${claimed(
      (size) => count("lora-4", size) / count("daam-v1", size),
      "times the decoder with DAAMv1",
      (times) => times >= 2,
    )}.`,
  ];
}

/** A count at both sizes of the paper, and at which of them the claim holds. */
function claimed(value: (size: Size) => number, unit: string, holds: (value: number) => boolean): string {
  const [small, large] = sizes.map((size) => value(size).toFixed(1));
  const [inSmall, inLarge] = sizes.map((size) => holds(value(size)));
  const verdict =
    inSmall === inLarge
      ? inSmall
        ? "holds by count"
        : "contradicted by count"
      : `holds by count at ${inSmall ? "24 × 1024" : "40 × 5120"} alone`;
  return `${small} (24 × 1024) and ${large} ${unit} (40 × 5120): ${verdict}`;
}
