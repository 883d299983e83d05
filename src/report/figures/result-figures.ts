/** From result tables to the figures of notebooks and of published results. */
import { paperLearned } from "../../experiments/paper.js";
import type { Task } from "../../experiments/types.js";
import {
  collapsedOf,
  confusionCounts,
  importanceFactors,
  learnedRange,
  sharesOfLayers,
  type TestLabels,
} from "../tables/attention-maps.js";
import type { Judgement } from "../claims/judge.js";
import { MARGIN } from "../claims/paired.js";
import type { Figure } from "./figure.js";
import { importanceHeatmap, layerShares, learnedRanges } from "./attention.js";
import { type DifferenceLine, differencesFigure } from "./differences.js";
import { efficiencyFigure } from "./efficiency.js";
import { styleOf } from "./method-style.js";
import { ablationFigure, verdictFigure } from "./results.js";
import { confusionMatrix, learningCurves } from "./training.js";
import { summarise } from "../../statistics/summary.js";
import {
  type AblationEntry,
  curve,
  firstRuns,
  ratesOf,
  type ResultTable,
  rowAt,
  rowOf,
  seesAll,
  severalRates,
  summary,
  type TableRow,
  values,
} from "../tables/rows.js";
import { runsText } from "../tables/tables.js";
import { notChosen, rateText } from "../tables/words.js";

/** The row whose attention is shown: the paper's figures are of DAAMv1. */
const SHOWN = "daam-v1";

const dataset = ({ task }: ResultTable) => `${task.here.data}, ${task.here.encoder}`;

/** Which rate a row stands for, where it has run at several. */
const atChosen = (table: ResultTable) => (severalRates(table).length ? ", at chosen rates" : "");

/** "5 folds × 5 seeds", "2 of 10 runs": of the given rows those that have most. */
function runsOf({ task, runs }: ResultTable, rows: readonly TableRow[]): string {
  const most = Math.max(0, ...rows.map(({ results }) => results.length));
  const fewest = Math.min(...rows.map(({ results }) => results.length));
  return most < runs || fewest < most
    ? `up to ${most} runs of ${runsText(task, runs)}`
    : runsText(task, runs);
}

/** How a row's series looks. */
const lookOf = ({ method, results }: TableRow, { classes }: Task) => ({
  ...(method && { style: styleOf(method.name) }),
  collapsed: collapsedOf(results, classes.length) > 0,
});

/** Test accuracy over the epochs, published decoders beside corrected and added ones; rows that saw fewer items are left out. */
export function learningCurvesOf(table: ResultTable): Figure {
  const rows = table.rows.filter((row) => row.results.length && seesAll(row));
  const curves = (group: TableRow["group"]) =>
    rows
      .filter((row) => row.group === group)
      .map((row) => ({
        name: marked(row.title, row, table.task),
        ...curve(row),
        ...lookOf(row, table.task),
      }));
  const panels = [
    { title: "published decoders", curves: curves("published") },
    { title: "corrected or added decoders", curves: curves("corrected") },
  ];
  return learningCurves(
    `Learning curves: ${dataset(table)}, mean ± sd of ${runsOf(table, rows)}${atChosen(table)}`,
    panels.filter((panel) => panel.curves.length),
  );
}

/** Last-epoch accuracy of every row against its trained parameters and its seconds of training a run; a star marks rows that saw fewer items. */
export function efficiencyOf(table: ResultTable): Figure {
  return efficiencyFigure(
    `Accuracy against cost: ${dataset(table)}, last epoch, mean ± sd${atChosen(table)} (*: fewer items)`,
    table.rows
      .filter((row) => row.results.length)
      .map((row) => ({
        label: marked(seesAll(row) ? row.title : `${row.title} *`, row, table.task),
        ...lookOf(row, table.task),
        accuracy: summary(row, "last")!,
        parameters: row.results[0]!.parameters.total,
        seconds: summarise(row.results.map(({ seconds }) => seconds)).mean,
      })),
  );
}

/** Last-epoch confusion of a method, summed over runs; undefined when it has not run. */
export function confusionOf(table: ResultTable, labels?: TestLabels, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const counts = row && confusionCounts(row.results, table.task.classes.length, labels);
  return (
    counts &&
    confusionMatrix(
      `Confusion matrix: ${row.title}, last epoch, ${runsOf(table, [row])}`,
      table.task.classes,
      counts,
    )
  );
}

/** Importance factor, feature × layer, of a method's mean map over test items; undefined without one. */
export function importanceOf(table: ResultTable, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const factors = row && importanceFactors(row.results);
  return (
    factors &&
    importanceHeatmap(
      `Importance factor: ${row.title}, ${dataset(table)}, mean of ${runsOf(table, [row])}`,
      factors,
    )
  );
}

/** Share of each layer in a method's attention over test items; undefined without a map. */
export function sharesOf(table: ResultTable, method = SHOWN): Figure | undefined {
  const row = rowOf(table, method);
  const shares = row && sharesOfLayers(row.results);
  const title = `Share of each layer in the attention: ${row?.title}, ${dataset(table)}`;
  const shown = shares && (row.results.length > 1 ? shares : { mean: shares.mean });
  return shown && layerShares(title, shown, styleOf(method).colour);
}

/** Learned δ and c of a method, widest over runs, beside the paper's. */
export function learnedRangesOf(tables: readonly ResultTable[], method = SHOWN): Figure {
  const title = rowOf(tables[0]!, method)?.title ?? method;
  return learnedRanges(
    `Learned δ and c of ${title}: smallest to largest, here over all runs`,
    tables.map((table) => {
      const here = learnedRange(rowOf(table, method)?.results ?? []);
      const paper = (paperLearned as Record<string, typeof here>)[table.task.name];
      return { task: table.task.name, ...(paper && { paper }), ...(here && { here }) };
    }),
  );
}

/** The rows of every table, the paper beside here, of tasks that have begun: decoders that see all items, or rows of LoRA and those at its budget. */
export function verdictOf(
  tables: readonly ResultTable[],
  which: "all items" | "few items" = "all items",
): Figure | undefined {
  const shown = (row: TableRow) => (seesAll(row) && row.group !== "recorded") === (which === "all items");
  if (!tables.some(({ rows }) => rows.some(shown))) return undefined;
  // An axis with nothing on it says nothing.
  const begun = tables.filter(({ rows }) => rows.some((row) => shown(row) && row.results.length));
  const subject = which === "all items" ? "every decoder" : "LoRA and decoders at its budget";
  return verdictFigure(
    `Accuracy of ${subject} in %: paper and here, scales differ`,
    (begun.length ? begun : tables).map(({ task, rows }) => ({
      title: task.title,
      paper: `${task.paper.data}, ${task.paper.encoder}`,
      here: `${task.here.data}, ${task.here.encoder}`,
      rows: rows.filter(shown).map((row) => {
        const [best, last] = [summary(row, "best"), summary(row, "last")];
        return {
          label: marked(row.title, row, task, "here "),
          group: row.group,
          ...(row.paper && { paper: row.paper.cells }),
          ...(best && { best }),
          ...(last && { last }),
          ...(row.byRate.some(({ results }) => results.length) && { missing: notChosen }),
        };
      }),
    })),
  );
}

/** "MHA (here 21 of 25 collapsed)". */
function marked(label: string, { results }: TableRow, { classes }: Task, here = ""): string {
  const n = collapsedOf(results, classes.length);
  return n ? `${label} (${here}${n} of ${results.length} collapsed)` : label;
}

/** Variants of an ablation, those that have run where some have; the dashed line is no attention on all layers, last epoch, at their rate where they have one. */
export function ablationOf(title: string, entries: readonly AblationEntry[], table: ResultTable): Figure {
  const several = severalRates(table).length > 0;
  const ran = entries.filter(({ row }) => row.results.length);
  const rates = [...new Set(entries.flatMap(({ row }) => ratesOf(row)))].sort((a, b) => a - b);
  const found = rowOf(table, "no-attention");
  const none = found && several && rates.length === 1 ? rowAt(found, rates[0]!) : found;
  const value = none && summary(firstRuns(none, 1), "last")?.mean;
  const single = entries.every(({ row }) => row.results.length < 2);
  // runs on other folds have other test items: how they differ is not the noise of seeds
  const noise = single && none && table.task.split === "runs" ? rangeOf(none) : undefined;
  return ablationFigure(
    several ? `${title} at ${rates.map(rateText).join(", ")}` : title,
    (ran.length ? ran : entries).map(({ label, row }) => {
      const [best, last] = [summary(row, "best"), summary(row, "last")];
      return { label: marked(label, row, table.task), ...(best && { best }), ...(last && { last }) };
    }),
    value === undefined ? undefined : { label: "no attention, run 1, last epoch", value },
    noise,
  );
}

/** What seeds alone do to a row, as far as its runs tell. */
function rangeOf(row: TableRow) {
  const accuracies = values(row, "last");
  if (accuracies.length < 2) return undefined;
  const range = [Math.min(...accuracies), Math.max(...accuracies)] as const;
  return { label: `no attention, last epoch, all of its ${accuracies.length} runs`, range };
}

/** Where each row stands at the rate that it chose. */
const OWN = "own";

/** Differences with dot products are larger than all others, and would hide these in one panel. */
const overDotProducts = ({ worse }: Judgement) => worse.startsWith("mha");

/**
 * Differences at the last epoch against the rate, a panel a task, a line a claim, claims over dot products in a row of panels of their own;
 * undefined where rows have one rate.
 */
export function differencesOf(
  tables: readonly ResultTable[],
  judgements: readonly Judgement[],
): Figure | undefined {
  const claims = new Set(judgements.flatMap(({ claim, rate }) => (rate === undefined ? [] : [claim])));
  const found = judgements.filter(({ claim, last }) => last && claims.has(claim));
  if (!found.length) return undefined;
  const rates = [...new Set(found.flatMap(({ rate }) => rate ?? []))].sort((a, b) => a - b);
  const rows = [
    { title: "other comparisons", own: found.filter((entry) => !overDotProducts(entry)) },
    { title: "over dot products", own: found.filter(overDotProducts) },
  ].map(({ title, own }) =>
    tables.flatMap(({ task }) => {
      const here = own.filter((entry) => entry.task === task.name);
      return here.length ? [{ title: `${task.title}: ${title}`, lines: linesOf(here) }] : [];
    }),
  );
  return differencesFigure(
    "Differences in accuracy against the learning rate, last epoch",
    rows.filter((panels) => panels.length),
    {
      places: rates.map(rateText),
      margin: MARGIN,
      ...(found.some(({ chosen }) => chosen) && { own: OWN }),
    },
  );
}

const linesOf = (entries: readonly Judgement[]): DifferenceLine[] =>
  [...new Set(entries.map(({ claim }) => claim))].map((claim) => {
    const own = entries.filter((entry) => entry.claim === claim);
    const points = own.flatMap(({ rate, chosen, last }) => {
      const { mean, sure, collapsed } = last!;
      const point = { mean, collapsed: collapsed > 0, ...(sure && { interval: sure.interval }) };
      return [
        ...(rate === undefined ? [] : [{ at: rateText(rate), ...point }]),
        ...(chosen ? [{ at: OWN, ...point }] : []),
      ];
    });
    return { name: own[0]!.rows.join(" − "), points };
  });
