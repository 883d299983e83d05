/** The search over learning rates: the same few for every row, judged on training items that were held out. */
import { UserError } from "../errors.js";
import { writeWhole } from "../files.js";
import { methods } from "./methods.js";
import { findPreset } from "./presets.js";
import { readSearch, searchPath, type Trial } from "./rates.js";
import { tune, type TuneOptions } from "./tune.js";

/** Tasks of a preset whose rows have rates to choose from and have not chosen. */
export function unsearched(
  preset: string,
  tasks: readonly string[] = Object.keys(findPreset(preset).tasks),
): string[] {
  const trials = readSearch(preset);
  const { rates } = findPreset(preset);
  return rates ? tasks.filter((name) => !trials.some(({ task }) => task === name)) : [];
}

/**
 * Trains every row of a preset's tables at each of its rates, run 1 alone, and writes what came out to `results/<preset>/search.json`, from
 * which runs of the preset take their rates. Goes on where it was interrupted.
 * @throws UserError for a preset whose rows do not choose.
 */
export async function search(
  preset: string,
  options: Omit<TuneOptions, "task" | "methods" | "rates"> = {},
): Promise<void> {
  const { rates, ...found } = findPreset(preset);
  if (!rates)
    throw new UserError(
      `the rows of ${preset} share one rate a task: name a --task to compare rates on it, or search with --preset small`,
    );
  for (const task of options.tasks ?? Object.keys(found.tasks)) {
    const names = methods.map(({ name }) => name);
    const results = await tune(preset, {
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
    const others = readSearch(preset).filter((trial) => trial.task !== task);
    const lines = [...others, ...trials].map((trial) => JSON.stringify(trial));
    writeWhole(searchPath(preset), `[\n${lines.join(",\n")}\n]\n`);
  }
}
