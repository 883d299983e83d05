/** The one place where the site reads published results. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { resultsFolder } from "../folders.js";
import { presets } from "../experiments/plan/presets.js";
import { decodeClasses } from "../experiments/outcome/outcome.js";
import { PublishedCells } from "../experiments/outcome/published-cells.js";
import { itemColumns, itemSet } from "../experiments/outcome/published-features.js";
import { tableMethods } from "../experiments/outcome/recorded.js";
import { findTask, taskAt } from "../experiments/plan/tasks.js";
import type { CellResult, Preset } from "../experiments/types.js";
import { comparisons } from "../report/claims/comparisons.js";
import { claimsNote, verdictNote } from "../report/claims/verdict.js";
import { publishedTable } from "../report/pages/published.js";
import { placeOf } from "../report/figures/method-style.js";
import { confusionCounts, importanceFactors, sharesOfLayers } from "../report/tables/attention-maps.js";
import { resultTable } from "../report/tables/rows.js";
import type {
  CellEntry,
  ClaimEntry,
  PresetEntry,
  RowEntry,
  SiteIndex,
  TaskEntry,
  TaskResults,
} from "./types.js";

/** Presets whose results are published here: first those with comparisons, of them the one with the most trainings. */
export function publishedPresets(): Preset[] {
  const published = presets.filter(({ name }) => existsSync(join(resultsFolder(name), "claims.csv")));
  const judged = ({ name }: Preset) => Number(publishedTable(name, "claims").rows.length > 0);
  return published.sort((a, b) => judged(b) - judged(a) || work(b) - work(a));
}

const work = ({ tasks }: Preset) =>
  Object.values(tasks).reduce((sum, { runs, epochs }) => sum + runs * epochs, 0);

export function siteIndex(version: string): SiteIndex {
  const found = publishedPresets();
  const names = [...new Set(found.flatMap(({ tasks }) => Object.keys(tasks)))];
  return {
    presets: found.map(presetEntry),
    tasks: names.map((name) => taskEntry(found[0]!, name)),
    notes: [verdictNote, claimsNote],
    version,
  };
}

function taskEntry(preset: Preset, name: string): TaskEntry {
  const { title, classes, split, here, caveat } = taskAt(preset, name);
  return { name, title, classes, split, data: here.data, encoder: here.encoder, ...(caveat && { caveat }) };
}

function presetEntry(preset: Preset): PresetEntry {
  return {
    name: preset.name,
    tasks: Object.keys(preset.tasks),
    what: sizeOf(preset),
    claims: claimsOf(preset.name),
    trainable: trains(preset),
  };
}

/** By what is published, which may be of an earlier plan: "64 channels; speech 25 runs of 10 epochs, …". */
function sizeOf({ name, tasks }: Preset): string {
  const cells = new PublishedCells(resultsFolder(name));
  const channels = new Set<number>();
  const runs = Object.keys(tasks).map((task) => {
    const own = cells.all(task).filter(({ config }) => config.method === "daam-v1" && !config.holdout);
    const epochs = new Set(own.map(({ config }) => config.epochs));
    for (const { config } of own) if (config.hidden) channels.add(config.hidden);
    return `${task} ${new Set(own.map(({ config }) => config.run)).size} runs of ${[...epochs].join(" or ")} epochs`;
  });
  return `${[...channels].join(" or ")} channels; ${runs.join(", ")}`;
}

function claimsOf(preset: string): ClaimEntry[] {
  const { columns, rows } = publishedTable(preset, "claims");
  const verdicts = publishedTable(preset, "verdict");
  const claims = new Map<string, ClaimEntry>();
  for (const row of rows) {
    const line = Object.fromEntries(columns.map((column, i) => [column, row[i]!]));
    const [claim, task] = [line.claim!, line.task!];
    const comparison = comparisons.find((one) => one.claim === claim);
    if (!comparison) continue;
    const entry: ClaimEntry = claims.get(claim) ?? {
      claim,
      rows: [comparison.better, comparison.worse],
      tasks: {},
    };
    const verdict = verdicts.rows.find(([first]) => first === claim)?.[verdicts.columns.indexOf(task)];
    entry.tasks[task] ??= { verdict: verdict ?? line.verdict!, lines: [] };
    entry.tasks[task].lines.push(line);
    claims.set(claim, entry);
  }
  return [...claims.values()];
}

/** Rows of a task's table with their cells. */
export function taskResults(preset: Preset, task: string): TaskResults {
  const { classes } = taskAt(preset, task);
  const items = testItems(preset.name, task);
  const all = new PublishedCells(resultsFolder(preset.name)).all(task);
  const labelsOf = (cell: CellResult) => (items.sets[setOf(cell)] ?? []).map((index) => items.labels[index]!);
  const named = (what: RegExp) => all.filter(({ name }) => what.test(name));
  const table = resultTable(
    taskAt(preset, task),
    tableMethods(preset).filter(({ recorded }) => !recorded),
    named(/^[^/]+\/[^/]+\/(rate-[^/]+\/)?run-\d+$/),
    preset.tasks[task]!.runs,
    named(/\/held-out-\d+$/),
  );
  const rows = table.rows.flatMap(({ method, title, group, byRate, chosen, results }): RowEntry[] => {
    const cells = byRate.flatMap((at) => at.results);
    if (!method || !cells.length) return [];
    const importance = importanceFactors(results);
    const shares = sharesOfLayers(results);
    const confusion = confusionCounts(results, classes.length, labelsOf);
    return [
      {
        name: method.name,
        title: titleOf(title, cells[0]!),
        place: placeOf(method.name),
        group,
        ...(method.note && { note: method.note }),
        parameters: cells[0]!.parameters,
        cells: cells.map((cell) => cellEntry(preset, cell)),
        ...(chosen !== undefined && { chosen }),
        ...(importance && { importance: importance.map((layer) => layer.map((value) => round(value, 2))) }),
        ...(shares && { shares }),
        ...(confusion && { confusion }),
      },
    ];
  });
  const map = all.find(({ attention }) => attention)?.attention;
  return { layers: map?.layers ?? 0, features: map?.features ?? 0, rows, items };
}

/** The set of test items that a cell predicts. */
function setOf({ config, predictions }: CellResult): string {
  const task = findTask(config.task);
  return itemSet(task, config.run, decodeClasses(predictions.last, task.classes.length).length);
}

/** Attention over the items of a batch is what was published, not what the paper describes. */
function titleOf(title: string, { config }: CellResult): string {
  const overBatch = config.stages.some((stage) => stage.kind === "dot-product" && stage.over === "batch");
  return overBatch && !title.includes("batch") ? `${title}, as published (over the batch)` : title;
}

function cellEntry(preset: Preset, cell: CellResult): CellEntry {
  const { name, config, seconds, curve, best, last, predictions, backend } = cell;
  const of = {
    name,
    run: config.run,
    rate: config.learningRate,
    ...(seconds > 0 && { seconds }),
    predictions,
    set: setOf(cell),
    backend,
  };
  // What is compared digit for digit keeps all of them.
  if (trains(preset) && !config.fineTuning) return { ...of, config, curve, best, last };
  return { ...of, curve: curve.map(brief), best: brief(best), last: brief(last) };
}

/** Whether a preset's hidden states are shipped: a page can train its cells again. */
export const trains = ({ tasks }: Preset) => Object.values(tasks).every(({ extraction }) => !extraction);

const round = (value: number, digits: number) => Number(value.toFixed(digits));

const brief = <T extends object>(record: T): T =>
  Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      typeof value === "number" ? Number(value.toPrecision(5)) : value,
    ]),
  ) as T;

function testItems(preset: string, task: string): TaskResults["items"] {
  const { columns, rows } = publishedTable(preset, join("items", task));
  const sets = columns
    .slice(itemColumns.length)
    .map((name, i) => [name, rows.flatMap((row, index) => (row[itemColumns.length + i] ? [index] : []))]);
  return {
    positions: rows.map(([position]) => Number(position)),
    labels: rows.map(([, label]) => Number(label)),
    sets: Object.fromEntries(sets) as Record<string, number[]>,
  };
}
