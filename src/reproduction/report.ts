import { Stopped, UserError } from "../errors.js";
import { ablations } from "../experiments/ablations.js";
import { resultsFolder } from "../folders.js";
import { howRates } from "../experiments/presets.js";
import { readSearch } from "../experiments/rates.js";
import { recordedCells, tableMethods } from "../experiments/recorded.js";
import { Run, type RunOptions } from "../experiments/run.js";
import { taskAt } from "../experiments/tasks.js";

/**
 * Publishes the finished cells of a preset to `results/<preset>/`: tables, figures, cells, README.
 * @throws UserError when cells are missing and `partial` is not asked for, when none is finished, or where the folder cannot be written.
 */
export async function report(
  preset: string,
  { partial = false, ...options }: RunOptions & { partial?: boolean } = {},
): Promise<string> {
  const run = await Run.open(preset, options);
  const cells = run.plan();
  const missing = cells.filter((cell) => !run.finished(cell)).length;
  const remedy = `daam run --preset ${preset} trains them`;
  if (missing === cells.length)
    throw new UserError(`no cell of ${preset} is finished in ${run.store.folder}: ${remedy}`);
  if (!run.complete && !partial) {
    const left = missing
      ? `${missing} of ${cells.length} cells are missing`
      : "the hidden states of a task are missing";
    throw new UserError(`${left}: ${remedy}, --partial publishes what is there`);
  }
  const lock = await run.lock();
  try {
    await publishRun(run);
  } finally {
    lock.release();
  }
  if (options.signal?.aborted) throw new Stopped();
  return resultsFolder(preset);
}

/** Writes `results/<preset>/` from what the run has finished; its holder holds the lock. */
export async function publishRun(run: Run): Promise<void> {
  const { publish } = await import("../report/publish.js");
  const { thisMachine } = await import("../report/machine.js");
  const { preset } = run;
  const rows = tableMethods(preset);
  await publish(resultsFolder(preset.name), {
    preset,
    methods: rows,
    tasks: run.taskNames.map((task) => {
      const { layers, features } = run.files[task]!;
      const here = preset.ablations.includes(task);
      return { task: taskAt(preset, task), ablations: here ? ablations({ layers, features, task }) : [] };
    }),
    results: run.results(),
    robustness: run.robustness,
    recorded: recordedCells(rows, run.taskNames),
    machine: thisMachine(),
    settings: howRates(preset),
    search: readSearch(preset.name),
    command: (task, method) =>
      `node dist/cli.js run --preset ${rows.find(({ name }) => name === method)?.recorded ?? preset.name} --task ${task} --method ${method}`,
    labels: (result) => run.testLabels(result.config),
    items: (result) => run.testItems(result.config),
  });
}
