import { Stopped, UserError } from "../errors.js";
import { ablations } from "../experiments/plan/ablations.js";
import { resultsFolder } from "../folders.js";
import { howRates } from "../experiments/plan/presets.js";
import { recordedCells, tableMethods } from "../experiments/outcome/recorded.js";
import { Run, type RunOptions } from "../experiments/run/run.js";
import { taskAt } from "../experiments/plan/tasks.js";

/**
 * Publishes the cells of a preset to `results/<preset>/`: tables, figures, cells, README. Cells that this run has not finished stay as they
 * were published, where their configuration is the same.
 * @throws UserError when cells are missing and `partial` is not asked for, when none is there, where published cells of a task would be
 *   lost for want of its hidden states, or where the folder cannot be written.
 */
export async function report(
  preset: string,
  { partial = false, ...options }: RunOptions & { partial?: boolean } = {},
): Promise<string> {
  const run = await Run.open(preset, options);
  checkReport(run, partial);
  const lock = await run.lock();
  try {
    await publishRun(run);
  } finally {
    lock.release();
  }
  if (options.signal?.aborted) throw new Stopped();
  return resultsFolder(preset);
}

/** @throws UserError for a run that cannot be published, as {@link report} does. */
export function checkReport(run: Run, partial: boolean): void {
  const { name, tasks } = run.preset;
  const { results, missing } = run.standing();
  const remedy = `npx daam run --preset ${name} trains them`;
  if (results.length + run.robustness.length + run.probes().length === 0)
    throw new UserError(`no cell of ${name} is finished in ${run.store.folder}: ${remedy}`);
  const absent = Object.keys(tasks).filter((task) => !run.features[task]);
  if ((missing || absent.length) && !partial) {
    const left = missing
      ? `${missing} of ${results.length + missing} cells are missing`
      : "the hidden states of a task are missing";
    throw new UserError(`${left}: ${remedy}, --partial publishes what is there`);
  }
  const lost = absent.find((task) => run.published.holds(task));
  if (lost !== undefined)
    throw new UserError(
      `${run.published.folder} has cells of ${lost}, which would be lost, since its hidden states are not made here: ` +
        `npx daam features --preset ${name} --task ${lost} makes them`,
    );
}

/** Writes `results/<preset>/` from what the run has finished and what stands published; its holder holds the lock. */
export async function publishRun(run: Run): Promise<void> {
  const { publish } = await import("../report/pages/publish.js");
  const { thisMachine } = await import("../machine.js");
  const { preset } = run;
  const { results } = run.standing();
  const rows = tableMethods(preset);
  await publish(resultsFolder(preset.name), {
    preset,
    methods: rows,
    tasks: Object.entries(run.features).map(([task, { layers, features }]) => {
      const here = preset.ablations.includes(task);
      return { task: taskAt(preset, task), ablations: here ? ablations({ layers, features, task }) : [] };
    }),
    results: results.filter(({ config }) => !config.holdout),
    heldOut: results.filter(({ config }) => config.holdout),
    robustness: run.robustness,
    probes: run.probes(),
    features: run.features,
    recorded: recordedCells(rows, Object.keys(run.features)),
    machine: thisMachine(),
    settings: howRates(preset),
    command: (task, method) =>
      `npx daam run --preset ${rows.find(({ name }) => name === method)?.recorded ?? preset.name} --task ${task} --method ${method}`,
    labels: (result) => run.testLabels(result.config),
    items: (result) => run.testItems(result.config),
  });
}
