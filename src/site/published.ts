/** The one place where the site reads published results. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { resultsFolder } from "../folders.js";
import { presets } from "../experiments/plan/presets.js";
import { PublishedCells } from "../experiments/outcome/published-cells.js";
import { runsOf } from "../experiments/plan/budget.js";
import { methods } from "../experiments/plan/methods.js";
import { findTask, taskAt } from "../experiments/plan/tasks.js";
import type { CellResult, Preset } from "../experiments/types.js";
import { comparisons } from "../report/claims/comparisons.js";
import { claimsNote, verdictNote } from "../report/claims/verdict.js";
import { publishedTable } from "../report/pages/published.js";
import { confusionCounts, importanceFactors, sharesOfLayers } from "../report/tables/attention-maps.js";
import type {
  CellEntry,
  ClaimEntry,
  PresetEntry,
  RowEntry,
  SiteIndex,
  TaskEntry,
  TaskResults,
} from "./types.js";

/** Presets whose results are published here, the one with the most trainings first. */
export function publishedPresets(): Preset[] {
  const published = presets.filter(({ name }) => existsSync(join(resultsFolder(name), "claims.csv")));
  return published.sort((a, b) => work(b) - work(a));
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
  const at = (name: string) => columns.indexOf(name);
  const claims = new Map<string, ClaimEntry>();
  for (const row of rows) {
    const claim = row[at("claim")]!;
    const comparison = comparisons.find((one) => one.claim === claim);
    if (!comparison) continue;
    if (!claims.has(claim))
      claims.set(claim, { claim, rows: [comparison.better, comparison.worse], tasks: {} });
    const line = Object.fromEntries(columns.map((column, i) => [column, row[i]!]));
    claims.get(claim)!.tasks[row[at("task")]!] = { verdict: row[at("verdict")]!, line };
  }
  return [...claims.values()];
}

/** Rows of a task's table with their cells. */
export function taskResults(preset: Preset, task: string): TaskResults {
  const { classes } = taskAt(preset, task);
  const items = testItems(preset.name, task);
  const all = new PublishedCells(resultsFolder(preset.name)).all(task);
  const labelsOf = ({ config, predictions }: CellResult) => {
    const length = Buffer.byteLength(predictions.last, "base64") / (classes.length > 256 ? 2 : 1);
    return (items.sets[setOf(task, config.run, length)] ?? []).map((index) => items.labels[index]!);
  };
  const rows = methods.flatMap((method): RowEntry[] => {
    const cells = all
      .filter(({ config }) => config.method === method.name && !config.holdout && !config.shifts)
      .sort((a, b) => a.config.run - b.config.run || a.config.learningRate - b.config.learningRate);
    if (!cells.length || !runsOf(method, preset, task)) return [];
    const importance = importanceFactors(cells);
    const shares = sharesOfLayers(cells);
    const confusion = confusionCounts(cells, classes.length, labelsOf);
    return [
      {
        name: method.name,
        title: method.title,
        group: method.group,
        ...(method.note && { note: method.note }),
        parameters: cells[0]!.parameters,
        cells: cells.map((cell) => cellEntry(preset, cell)),
        ...(importance && { importance: importance.map((layer) => layer.map((value) => round(value, 2))) }),
        ...(shares && { shares }),
        ...(confusion && { confusion }),
      },
    ];
  });
  const map = all.find(({ attention }) => attention)?.attention;
  return { layers: map?.layers ?? 0, features: map?.features ?? 0, rows, items };
}

function cellEntry(preset: Preset, cell: CellResult): CellEntry {
  const { name, config, seconds, curve, best, last, predictions, backend } = cell;
  const of = {
    name,
    run: config.run,
    rate: config.learningRate,
    ...(seconds > 0 && { seconds }),
    predictions,
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

/** The column of items/<task>.csv that says which items a cell tests. */
export function setOf(task: string, run: number, count: number): string {
  const { split, paperRuns } = findTask(task);
  return split === "folds" ? `fold ${1 + ((run - 1) % paperRuns.length)}` : `of ${count}`;
}

function testItems(preset: string, task: string): TaskResults["items"] {
  const { columns, rows } = publishedTable(preset, join("items", task));
  const sets = columns
    .slice(3)
    .map((name, i) => [name, rows.flatMap((row, index) => (row[3 + i] ? [index] : []))]);
  return {
    positions: rows.map(([position]) => Number(position)),
    labels: rows.map(([, label]) => Number(label)),
    sets: Object.fromEntries(sets) as Record<string, number[]>,
  };
}
