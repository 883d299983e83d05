import { availableParallelism } from "node:os";
import { join } from "node:path";
import { mean } from "simple-statistics";
import { UserError } from "../../errors.js";
import { runFolder } from "../../folders.js";
import { runPool, type Order } from "./pool.js";
import { findPreset } from "../plan/presets.js";
import { terminalProgress } from "./progress.js";
import { lockRun, Run, type RunOptions } from "./run.js";
import { CellStore } from "../outcome/store.js";
import { findTask } from "../plan/tasks.js";
import type { CellConfig, CellResult } from "../types.js";

export interface TuneOptions extends RunOptions {
  task: string;
  methods: readonly string[];
  rates: readonly string[];
  /** Instead of the preset's. */
  epochs?: number;
  /** Folds, or runs, to average over: five folds or one run when left out. */
  runs?: number;
  say?: (line: string) => void;
}

/**
 * Trains each method at each rate with a part of the training items held out and tests on that part: test items play no role. Prints
 * accuracies, means over folds where the task has folds. Nothing of it counts as a cell of a run.
 * @throws UserError for unknown names, rates that are no positive numbers, or a method that waits for cells of the run.
 */
export async function tune(preset: string, options: TuneOptions): Promise<CellResult[]> {
  const lock = await tuneLock(preset, options);
  try {
    return await compareRates(preset, options);
  } finally {
    lock.release();
  }
}

/** The lock of the preset's run folder: neither a run nor another search trains meanwhile. */
export const tuneLock = (
  preset: string,
  { signal, say = console.log }: Pick<TuneOptions, "signal" | "say">,
) =>
  lockRun(
    findPreset(preset).name,
    (pid) => say(`another run (process ${pid}) is at work on ${preset}: waiting for it`),
    signal,
  );

/** As {@link tune}; its caller holds the lock. */
export async function compareRates(preset: string, options: TuneOptions): Promise<CellResult[]> {
  const { task, methods, rates, epochs, say = console.log } = options;
  const run = await Run.open(preset, { ...options, tasks: [task] });
  const bad = rates.find((rate) => !(Number(rate) > 0));
  if (bad !== undefined) throw new UserError(`--rates ${bad}: give positive numbers, as in 3e-4,1e-3`);
  // folds hold out different actors each; runs hold out the same items
  const { split, paperRuns } = findTask(task);
  const { runs = split === "folds" ? paperRuns.length : 1 } = options;
  const planned = run.plan({ tasks: [task], methods }).filter((cell) => methods.includes(cell.method));
  // where rows are trained at several rates, any of a run's cells has what is common to them
  const cells = methods.flatMap((method) =>
    Array.from({ length: runs }, (_, i) => {
      const own = planned.filter((cell) => cell.method === method && cell.run === i + 1);
      return own.find(({ config }) => config) ?? own[0];
    }).filter((cell) => cell !== undefined),
  );
  const waits = cells.find(({ config }) => !config);
  if (waits)
    throw new UserError(
      `${waits.method} depends on ${waits.needs.join(", ")}, which is not finished: ` +
        `npx daam run --preset ${preset} --task ${task} --method ${waits.needs[0]!.split("/")[1]} trains it first`,
    );
  const orders = cells.flatMap((cell) =>
    rates.map((rate): Order => {
      const config: CellConfig = {
        ...cell.config!,
        ...(epochs !== undefined && { epochs }),
        learningRate: Number(rate),
        holdout: true,
      };
      return {
        name: `${task}/${cell.method}/rate-${rate}-run-${cell.run}`,
        config,
        path: run.files[task]!.path,
      };
    }),
  );
  const results = await trainAll(run, orders, join(runFolder(preset), "tune"), options);
  say(`${task}: accuracy in % on held-out training items, mean of ${runs}`);
  say(
    `${"method".padEnd(20)}${"rate".padStart(8)}${"best".padStart(8)}${"epoch".padStart(8)}${"last".padStart(8)}`,
  );
  for (const method of methods) {
    for (const rate of rates) {
      const found = results.filter(
        ({ config }) => config.method === method && config.learningRate === Number(rate),
      );
      const means = [
        mean(found.map(({ best }) => 100 * best.accuracy)),
        mean(found.map(({ best }) => best.epoch)),
        mean(found.map(({ last }) => 100 * last.accuracy)),
      ];
      say(method.padEnd(20) + rate.padStart(8) + means.map((value) => value.toFixed(1).padStart(8)).join(""));
    }
  }
  return results;
}

async function trainAll(
  run: Run,
  orders: Order[],
  folder: string,
  options: TuneOptions,
): Promise<CellResult[]> {
  const { backend, signal, trainer = new URL("./train-cell.js", import.meta.url).href } = options;
  const threads = Math.max(1, Math.floor(availableParallelism() / run.jobs));
  const store = new CellStore(folder);
  store.sweep();
  const waiting = orders.filter(({ name, config }) => !store.get(name, config));
  const progress = terminalProgress();
  let done = orders.length - waiting.length;
  const left = orders.length - done;
  const start = performance.now();
  const show = (event: Parameters<typeof progress.show>[0]["event"]) => {
    const missing = orders.length - done;
    const seconds = (performance.now() - start) / 1000;
    const secondsLeft = (seconds / Math.max(1, left - missing)) * missing;
    progress.show({ total: orders.length, done, secondsLeft, running: [], event });
  };
  try {
    await runPool({ jobs: run.jobs, threads, backend, signal, trainer, folder }, () => waiting.shift(), {
      backend: (line) => show({ kind: "backend", line }),
      note: (line) => show({ kind: "note", line }),
      done: (result) => {
        done++;
        show({ kind: "done", result });
      },
    });
  } finally {
    progress.end();
  }
  return orders.flatMap(({ name, config }) => store.get(name, config) ?? []);
}
