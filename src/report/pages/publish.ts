/** Publishes a run: results/<preset>/ with tables, figures, cells and a README, whole or not at all. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import Papa from "papaparse";
import { PublishedCells } from "../../experiments/outcome/published-cells.js";
import { writeFeatures } from "../../experiments/outcome/published-features.js";
import type { CellResult } from "../../experiments/types.js";
import { guard, writeWhole } from "../../files.js";
import type { TestLabels } from "../tables/attention-maps.js";
import type { Figure } from "../figures/figure.js";
import { type Publication, type Section, sections } from "./publication.js";
import { costsPage } from "./costs.js";
import { readme } from "./readme.js";
import {
  ablationOf,
  confusionOf,
  differencesOf,
  efficiencyOf,
  importanceOf,
  learnedRangesOf,
  learningCurvesOf,
  sharesOf,
  verdictOf,
} from "../figures/result-figures.js";
import { probePages } from "./probes.js";
import { robustnessCsv, robustnessFigure } from "./robustness.js";
import { robustnessOf } from "../tables/robustness-cells.js";
import { findingsOf, topics, untrainedOf } from "../claims/findings.js";
import { judge, type Judgement } from "../claims/judge.js";
import { saveFigure } from "../figures/save.js";
import { choiceTable } from "../tables/choice.js";
import { itemsTable } from "../tables/items.js";
import { seesAll } from "../tables/rows.js";
import { ablationRuns, ablationTable, csvTable } from "../tables/tables.js";
import { toCsv } from "../tables/text-table.js";
import { claimsTable, verdictTable } from "../claims/verdict.js";

/** Markdown on what changed since an earlier publication; part of the README where it is there. */
const NOTES = "changes.md";
/** What others write: executed notebooks of presets that take hours, notes. */
const KEPT = ["notebooks", NOTES];

/**
 * Writes `folder` anew. It is built beside its place and renamed, so that nothing half-written is ever there; what a publisher that was
 * killed left beside it is put back or removed first. One process publishes to a folder at a time.
 * @throws UserError where the folder cannot be written; what was there before stays.
 */
export async function publish(folder: string, publication: Publication): Promise<void> {
  const beside = (suffix: string) => join(dirname(folder), `.${basename(folder)}.${process.pid}.${suffix}`);
  const [part, old] = [beside("part"), beside("old")];
  guard(folder, () => restore(folder));
  try {
    const notes = join(folder, NOTES);
    const changes = existsSync(notes) ? guard(notes, () => readFileSync(notes, "utf8")) : "";
    const before = new PublishedCells(folder);
    await write(part, settled(publication, before), before, changes);
    guard(folder, () => {
      for (const name of KEPT.filter((kept) => existsSync(join(folder, kept))))
        cpSync(join(folder, name), join(part, name), { recursive: true });
      if (existsSync(folder)) renameSync(folder, old);
      renameSync(part, folder);
    });
  } finally {
    if (existsSync(old) && !existsSync(folder)) renameSync(old, folder);
    for (const path of [part, old]) if (existsSync(path)) rmSync(path, { recursive: true });
  }
}

/** Puts a folder back that a publisher killed between its renames left as `.<name>.<pid>.old`; removes what else such ones left. */
function restore(folder: string): void {
  const [parent, name] = [dirname(folder), basename(folder)];
  if (!existsSync(parent)) return;
  const left = readdirSync(parent)
    .filter((entry) => entry.startsWith(`.${name}.`) && /\.\d+\.(old|part)$/.test(entry))
    .map((entry) => join(parent, entry));
  const [newest] = left
    .filter((path) => path.endsWith(".old"))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (newest !== undefined && !existsSync(folder)) renameSync(newest, folder);
  for (const path of left) rmSync(path, { recursive: true, force: true });
}

/** Every figure of a publication by file name; those whose cells are missing are left out. */
function figuresOf(
  parts: readonly Section[],
  judgements: readonly Judgement[],
  labels?: TestLabels,
): Record<string, Figure> {
  const tables = parts.map(({ table }) => table);
  const figures: Record<string, Figure | undefined> = {
    verdict: verdictOf(tables),
    "verdict-lora": verdictOf(tables, "few items"),
    differences: differencesOf(tables, judgements),
    "learned-ranges": learnedRangesOf(tables),
  };
  for (const { table, ablations } of parts) {
    const { name, title } = table.task;
    const started = table.rows.filter((row) => row.results.length);
    figures[`${name}-learning-curves`] = started.some(seesAll) ? learningCurvesOf(table) : undefined;
    figures[`${name}-efficiency`] = started.length ? efficiencyOf(table) : undefined;
    figures[`${name}-confusion`] = confusionOf(table, labels);
    figures[`${name}-importance-factor`] = importanceOf(table);
    figures[`${name}-layer-shares`] = sharesOf(table);
    for (const ablation of ablations)
      if (ablation.rows.some(({ row }) => row.results.length))
        figures[`${name}-ablation-${ablation.name}`] = ablationOf(
          `${ablation.title} (${title}, ${ablationRuns(table.task, ablation)})`,
          ablation.rows,
          table,
        );
  }
  return Object.fromEntries(
    Object.entries(figures).filter((entry): entry is [string, Figure] => entry[1] !== undefined),
  );
}

/** Costs of cells whose digits stand published already are the published ones. */
function settled(publication: Publication, before: PublishedCells): Publication {
  const { machine } = publication;
  const list = (results: readonly CellResult[] = []) =>
    results.map((result) => before.settled({ machine, ...result }));
  const { results, heldOut, robustness, probes } = publication;
  return {
    ...publication,
    results: list(results),
    heldOut: list(heldOut),
    robustness: list(robustness),
    probes: list(probes),
  };
}

async function write(
  folder: string,
  publication: Publication,
  before: PublishedCells,
  changes: string,
): Promise<void> {
  const parts = sections(publication);
  const file = (name: string, text: string) => writeWhole(join(folder, name), text);
  for (const { table } of parts) {
    const { name } = table.task;
    file(
      `${name}.csv`,
      csvTable(table, (method) => publication.command(name, method)),
    );
  }
  const tables = parts.map(({ table }) => table);
  const judgements = judge(tables, publication.items);
  file("verdict.csv", toCsv(verdictTable(judgements)));
  file("claims.csv", toCsv(claimsTable(judgements)));
  file("choice-of-epoch.csv", toCsv(choiceTable(tables)));
  const ablations = parts.flatMap(({ table, ablations }) =>
    ablations.flatMap(({ title, rows }) => {
      const { columns, rows: lines } = ablationTable(rows);
      return lines.map((line) =>
        [table.task.name, title, ...line].map((cell, i) => [["task", "ablation", ...columns][i], cell]),
      );
    }),
  );
  if (ablations.length)
    file(
      "ablations.csv",
      Papa.unparse(
        ablations.map((line) => Object.fromEntries(line)),
        { newline: "\n" },
      ) + "\n",
    );
  const { preset, tasks, results, heldOut = [], robustness = [], probes = [] } = publication;
  const shifted = robustnessOf(
    preset,
    tasks.map(({ task }) => task),
    robustness,
  );
  if (robustness.length) file("robustness.csv", toCsv(robustnessCsv(shifted)));
  const findings = findingsOf(parts, shifted, publication.items);
  // without rows too: notebooks read them
  for (const topic of topics) file(`${topic}.csv`, toCsv(findings[topic]));
  const probed = probePages(publication);
  for (const [name, table] of Object.entries(probed.tables)) file(`${name}.csv`, toCsv(table));
  const cells = [...results, ...heldOut, ...robustness, ...probes];
  before.write(folder, cells);
  if (publication.features) writeFeatures(folder, publication.features);
  file("costs.md", costsPage(preset.name, cells));
  const figures = { ...figuresOf(parts, judgements, publication.labels), ...probed.figures };
  for (const part of shifted) {
    const figure = robustnessFigure(part);
    if (figure) figures[`${part.task.name}-robustness`] = figure;
  }
  for (const { task } of tables) {
    const own = [...results, ...probes].filter(({ config }) => config.task === task.name);
    const items = itemsTable(task, own, publication.items ?? (() => undefined));
    if (items.rows.length) file(`items/${task.name}.csv`, toCsv(items));
  }
  for (const [name, figure] of Object.entries(figures))
    await saveFigure(figure, join(folder, "figures", name));
  file(
    "README.md",
    readme(
      publication,
      { parts, judgements, shifted, findings, untrained: parts.map(untrainedOf), changes },
      Object.keys(figures),
    ),
  );
}
