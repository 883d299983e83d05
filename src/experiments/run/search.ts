/** The search over learning rates: the same few for every row, judged on training items that were held out. */
import { UserError, oneOf } from "../../errors.js";
import { writeWhole } from "../../files.js";
import { runsOf, type Scope } from "../plan/cells.js";
import { methods } from "../plan/methods.js";
import { findPreset, presetAt } from "../plan/presets.js";
import { readSearch, searchPath, type Trial } from "../plan/rates.js";
import { robustnessMethods } from "../plan/robustness.js";
import { compareRates, tuneLock, type TuneOptions } from "./tune.js";

/** Rows of a task that choose: all but those that take the rate of the row they vary. */
const choosing = (preset: string, task: string) =>
  methods
    .filter((method) => !method.variantOf && runsOf(method, presetAt(preset), task) > 0)
    .map(({ name }) => name);

/** Rows by task of a scope that have rates to choose from and have not chosen. */
export function unsearched(preset: string, scope: Scope = {}): { task: string; methods: string[] }[] {
  const { rates, tasks } = findPreset(preset);
  if (!rates) return [];
  const trials = readSearch(preset);
  const needed = rowsOf(scope);
  return (scope.tasks ?? Object.keys(tasks)).flatMap((task) => {
    const chosen = new Set(trials.flatMap((trial) => (trial.task === task ? [trial.method] : [])));
    const open = choosing(preset, task).filter(
      (method) => !chosen.has(method) && (needed?.includes(method) ?? true),
    );
    return open.length ? [{ task, methods: open }] : [];
  });
}

/** The rows of the tables whose rates a scope takes; all where it is not narrowed to some of them. */
function rowsOf({ methods: names, part }: Scope): readonly string[] | undefined {
  if (part === "robustness" && !names) return robustnessMethods;
  // ablations vary decoders
  if (part === "ablations")
    return methods.flatMap(({ name, fineTuning, budget }) => (fineTuning || budget ? [] : [name]));
  const rows = names?.flatMap((name) => methods.find((method) => method.name === name) ?? []);
  return rows?.length === names?.length ? rows?.map(({ name, variantOf }) => variantOf ?? name) : undefined;
}

type SearchOptions = Omit<TuneOptions, "task" | "methods" | "rates"> & { methods?: readonly string[] };

/**
 * Trains rows of a preset's tables, all when left out, at each of its rates, run 1 alone, and writes what came out to
 * `results/<preset>/search.json`, from which runs of the preset take their rates. Goes on where it was interrupted.
 * @throws UserError for a preset whose rows do not choose, or rows that do not.
 */
export async function search(preset: string, options: SearchOptions = {}): Promise<void> {
  const lock = await tuneLock(preset, options);
  try {
    await searchTasks(preset, options);
  } finally {
    lock.release();
  }
}

async function searchTasks(preset: string, options: SearchOptions): Promise<void> {
  const { rates, ...found } = findPreset(preset);
  if (!rates)
    throw new UserError(
      `the rows of ${preset} share one rate a task: name a --task to compare rates on it, or search with --preset small`,
    );
  for (const task of options.tasks ?? Object.keys(found.tasks)) {
    const rows = choosing(preset, task);
    const names = options.methods ?? rows;
    for (const name of names) oneOf("method", name, rows);
    const results = await compareRates(preset, {
      ...options,
      task,
      methods: names,
      rates: rates.map(String),
      runs: 1,
    });
    const trials = results.map(({ config: { method, learningRate }, last, best }): Trial => ({
      task,
      method,
      rate: learningRate,
      last: last.accuracy,
      best: best.accuracy,
    }));
    const others = readSearch(preset).filter((trial) => trial.task !== task || !names.includes(trial.method));
    const order = methods.map(({ name }) => name);
    const place = ({ task, method }: Trial) =>
      Object.keys(found.tasks).indexOf(task) * order.length + order.indexOf(method);
    const sorted = [...others, ...trials].sort((a, b) => place(a) - place(b));
    const lines = sorted.map((trial) => JSON.stringify(trial));
    writeWhole(searchPath(preset), `[\n${lines.join(",\n")}\n]\n`);
  }
}
