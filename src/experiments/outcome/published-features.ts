/**
 * What a published folder keeps of feature files, so that it can be published again without them: what the plan must know, in
 * `features.json`, and the test items, in `items/<task>.csv`.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import Papa from "papaparse";
import { UserError } from "../../errors.js";
import { writeWhole } from "../../files.js";
import type { FeatureInfo } from "../plan/task-plan.js";
import { blockOf, findTask, tasks } from "../plan/tasks.js";
import type { CellConfig, CellResult, Task, TestItems } from "../types.js";

/** A feature file without its values, as far as it is published. */
export interface PublishedFeatures extends FeatureInfo {
  /** A cell's test items in the order of its predictions; undefined for training items that were held out. */
  testItems(config: CellConfig): TestItems | undefined;
}

const pathOf = (folder: string) => join(folder, "features.json");

/** Columns of a task's items before those of the sets. */
export const itemColumns = ["position", "label", "group"] as const;

/** The name of the set of test items that a cell predicts, in the published items: by fold, or by how many there are. */
export const itemSet = (task: Task, run: number, count: number) =>
  task.split === "folds" ? `fold ${1 + blockOf(run, task)}` : `of ${count}`;

export function writeFeatures(folder: string, infos: Readonly<Record<string, FeatureInfo>>): void {
  const kept = Object.entries(infos).map(([task, { id, layers, features, about, shifted = {} }]) => {
    const { repository, commit } = about ?? {};
    // the name of the folder says what they are
    const files = Object.entries(shifted).map(([shift, path]) => [
      shift,
      join(basename(dirname(path)), basename(path)),
    ]);
    const info: FeatureInfo = {
      id,
      layers,
      features,
      ...(commit !== undefined && { about: { repository, commit } }),
      ...(files.length && { shifted: Object.fromEntries(files) as Record<string, string> }),
    };
    return [task, info];
  });
  writeWhole(pathOf(folder), `${JSON.stringify(Object.fromEntries(kept), undefined, 1)}\n`);
}

/** What is published of the feature files of some tasks; those that are not published are left out. @throws UserError where a file is damaged */
export function readFeatures(folder: string, names: readonly string[]): Record<string, PublishedFeatures> {
  const path = pathOf(folder);
  if (!existsSync(path)) return {};
  const infos = read(path, (text) => JSON.parse(text) as Record<string, FeatureInfo>);
  const known = names.filter((task) => infos[task] && existsSync(itemsPath(folder, task)));
  return Object.fromEntries(known.map((task) => [task, { ...infos[task]!, ...items(folder, task) }]));
}

/** The test items of a cell by what a published folder says; undefined where it does not list them. */
export function publishedItems(folder: string): (result: CellResult) => TestItems | undefined {
  const known = readFeatures(
    folder,
    tasks.map(({ name }) => name),
  );
  return ({ config }) => known[config.task]?.testItems(config);
}

const itemsPath = (folder: string, task: string) => join(folder, "items", `${task}.csv`);

function items(folder: string, task: string): Pick<PublishedFeatures, "testItems"> {
  const sets = new Map<string, { labels: number[]; indices: number[]; groups: number[] }>();
  const rows = read(itemsPath(folder, task), (text) => {
    const { data, errors } = Papa.parse<Record<string, string>>(text, { header: true, skipEmptyLines: true });
    if (errors[0]) throw new Error(errors[0].message);
    return data;
  });
  const [position, label, group] = itemColumns;
  for (const { [position]: index, [label]: own, [group]: actor, ...members } of rows)
    for (const [name, member] of Object.entries(members)) {
      if (!member) continue;
      if (!sets.has(name)) sets.set(name, { labels: [], indices: [], groups: [] });
      const set = sets.get(name)!;
      set.indices.push(Number(index));
      set.labels.push(Number(own));
      set.groups.push(Number(actor));
    }
  const ofSet = (run: number, count: number) => sets.get(itemSet(findTask(task), run, count));
  const largest = Math.max(0, ...[...sets.values()].map(({ indices }) => indices.length));
  return {
    testItems: ({ run, testItems = largest, holdout }) =>
      holdout ? undefined : (ofSet(run, testItems) ?? ofSet(run, largest)),
  };
}

function read<T>(path: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UserError(
      `${path} cannot be read (${(error as Error).message}): restore it (git checkout -- ${path}), or delete it`,
    );
  }
}
