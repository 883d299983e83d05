import { availableParallelism } from "node:os";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.js";
import { guard } from "../../files.js";
import { summariseFeatures, type FeatureSummary } from "../../features/load.js";
import { selectIndices } from "../../features/select.js";
import { sameButRate, sameConfig, type Cell } from "../plan/cell.js";
import { inScope, planCells, type Scope } from "../plan/cells.js";
import { Estimates, modelSeconds, secondsLeft } from "./estimate.js";
import { featureFiles, type TaskFiles } from "./feature-files.js";
import { resultsFolder, runFolder } from "../../folders.js";
import { Lock } from "../../lock.js";
import { checkBackend, runPool, type Order, type PoolOptions } from "./pool.js";
import { withLocalData } from "./local-data.js";
import { presetAt } from "../plan/presets.js";
import { checkpointPath } from "../outcome/checkpoints.js";
import { PublishedCells } from "../outcome/published-cells.js";
import { recordedRobustness } from "../plan/robustness.js";
import { CellStore } from "../outcome/store.js";
import { findTask, seedOf } from "../plan/tasks.js";
import type { CellConfig, CellResult, EpochRecord, Preset, TestItems } from "../types.js";

export interface RunOptions {
  /** Worker processes; the cores when left out. Each takes cores ÷ jobs backend threads. */
  jobs?: number;
  /** Value of DAAM_BACKEND for the workers. */
  backend?: string;
  /** Ends the run and its workers. */
  signal?: AbortSignal;
  /** Tasks whose hidden states are made where they are missing; others without are left out. */
  tasks?: readonly string[];
  /** Also those of their shifted test items. */
  shifts?: boolean;
  /** Fine-tune rows too where hidden states are shipped; as the variable DAAM_LORA says when left out. */
  lora?: boolean;
  /** URL of the workers' {@link Trainer}; a test's own. */
  trainer?: string;
}

/** Where a run stands. */
export interface Progress {
  total: number;
  done: number;
  secondsLeft: number;
  running: { name: string; epochs: number; record?: EpochRecord }[];
  /** What just happened. */
  event:
    | { kind: "start" | "epoch"; name: string }
    | { kind: "done"; result: CellResult }
    | { kind: "failed"; name: string; why: string }
    | { kind: "waiting"; pid: number }
    | { kind: "backend"; line: string }
    | { kind: "note"; line: string };
}

/** A preset at work in `runs/<preset>/`: what is planned, what is finished, and how to finish the rest. */
export class Run {
  /** Feature files by task. */
  readonly files: Record<string, FeatureSummary & Pick<TaskFiles, "shifted">>;
  /** Cells of this run. */
  readonly store: CellStore;
  /** Cells that were published. */
  readonly published: PublishedCells;
  readonly jobs: number;
  private readonly known = new Map<string, CellResult>();
  /** Expected seconds by cell. */
  private readonly expected = new Map<string, number>();
  private readonly items = new Map<string, TestItems>();

  /**
   * Opens a preset's run; makes the hidden states that it lacks first.
   * @throws UserError for an unknown preset, a number of jobs that is none, or feature files that cannot be made or used.
   */
  static async open(preset: string, options: RunOptions = {}): Promise<Run> {
    const found = await withLocalData(presetAt(preset, options.lora));
    return new Run(found, await featureFiles(found, options.tasks ?? [], options), options);
  }

  private constructor(
    readonly preset: Preset,
    files: Record<string, TaskFiles>,
    private readonly options: RunOptions,
  ) {
    this.jobs = options.jobs ?? availableParallelism();
    if (!Number.isInteger(this.jobs) || this.jobs < 1)
      throw new UserError(`--jobs ${this.jobs}: give a whole number of workers, 1 or more`);
    this.files = Object.fromEntries(
      Object.entries(files).map(([name, { path, shifted }]) => [
        name,
        { ...summariseFeatures(path, findTask(name).classes.length), shifted },
      ]),
    );
    this.store = new CellStore(runFolder(preset.name));
    this.published = new PublishedCells(resultsFolder(preset.name));
  }

  /**
   * The cells of a scope, and those that they need.
   * @throws UserError for a preset none of whose hidden states are made, or a scope without any cell
   */
  plan(scope: Scope = {}): Cell[] {
    return this.planWith(scope, (name, config) => this.result(name, config));
  }

  private planWith(scope: Scope, find: (name: string, config: CellConfig) => CellResult | undefined): Cell[] {
    if (!this.taskNames.length)
      throw new UserError(
        `the hidden states of ${this.preset.name} are not made yet: daam run --preset ${this.preset.name} makes them from raw data first`,
      );
    return inScope(planCells(this.preset, this.files, find), scope);
  }

  /** A cell's result, where this run has finished it with the configuration of the plan. */
  finished(cell: Cell): CellResult | undefined {
    return cell.config && this.result(cell.name, cell.config);
  }

  /** Finished results of a scope, as they would be published. */
  results(scope: Scope = {}): CellResult[] {
    const finished = this.plan(scope).flatMap((cell) => this.finished(cell) ?? []);
    return finished.map((result) => this.published.settled(result));
  }

  /**
   * What can be published of a scope: the results that are finished here and, unless the preset trains all of them anew, those that were
   * published with the same configuration; and how many cells have neither. Cells whose row has not chosen its rate yet stay as they were
   * published, though they are missing.
   */
  standing(scope: Scope = {}): { results: CellResult[]; missing: number } {
    const anew = this.preset.alwaysAnew;
    const find = (name: string, config: CellConfig) =>
      this.result(name, config) ?? (anew ? undefined : this.published.get(name, config));
    const cells = this.planWith(scope, find);
    const results = cells.flatMap(({ name, config }) => (config && find(name, config)) ?? []);
    const undecided = cells.flatMap(({ name, withoutRate }) => {
      const result = withoutRate && !anew ? this.published.read(name) : undefined;
      return result && sameButRate(result.config, withoutRate!) ? [result] : [];
    });
    return { results: [...results, ...undecided], missing: cells.length - results.length };
  }

  /**
   * Cells that were tested on shifted inputs, finished here or published; none where the preset has no such tests. While a task has none
   * with the configuration of the plan, those of an earlier one stay that were published.
   */
  get robustness(): CellResult[] {
    const planned = Object.values(this.files).some(({ shifted }) => Object.keys(shifted).length > 0);
    const found = planned ? this.standing({ part: "robustness" }).results : [];
    const earlier = this.preset.alwaysAnew ? [] : recordedRobustness(this.preset, this.published);
    const has = (task: string) => found.some(({ config }) => config.task === task);
    return [...found, ...earlier.filter(({ config }) => !has(config.task))];
  }

  /** Tasks whose hidden states are there. */
  get taskNames(): string[] {
    return Object.keys(this.files);
  }

  /** Whether every cell of every task of the preset is finished. */
  get complete(): boolean {
    const everyTask = Object.keys(this.preset.tasks).every((task) => this.files[task]);
    return everyTask && this.plan().every((cell) => this.finished(cell));
  }

  /** Labels of a cell's test items, in the order of its predictions. */
  testLabels(config: CellConfig): number[] {
    const { labels } = this.files[config.task]!;
    return this.indices(config).test.map((index) => labels[index]!);
  }

  /** A cell's test items, in the order of its predictions; undefined where it was trained on another feature file. */
  testItems(config: CellConfig): TestItems | undefined {
    const { task, run, trainItems, testItems, holdout } = config;
    const file = this.files[task];
    if (config.features !== file?.id) return undefined;
    const key = [task, run, trainItems, testItems, holdout].join();
    if (!this.items.has(key)) {
      const indices = this.indices(config).test;
      const [labels, groups] = [file.labels, file.group].map((of) => indices.map((i) => (of ? of[i]! : i)));
      this.items.set(key, { indices, labels: labels!, groups: groups! });
    }
    return this.items.get(key);
  }

  /** Seconds that the missing cells of a scope may take. */
  expectedSeconds(scope: Scope = {}): number {
    return this.left(scope, this.estimates(), new Map());
  }

  /** @throws UserError where the workers' backend is not there; nothing is trained */
  checkBackend(): Promise<void> {
    return checkBackend(this.pool);
  }

  /** Forgets cells, and how far the training of unfinished ones has come. */
  discard(cells: readonly Cell[]): void {
    for (const { name } of cells) {
      this.store.remove(name);
      const checkpoint = checkpointPath(this.store.folder, name);
      guard(checkpoint, () => rmSync(checkpoint, { force: true }));
      this.known.delete(name);
    }
  }

  /** Takes over published cells with the configuration of the plan where this run has none; returns how many. */
  adopt(scope: Scope = {}): number {
    const missing = this.plan(scope).filter((cell) => cell.config && !this.finished(cell));
    const found = missing.flatMap(({ name, config }) => this.published.get(name, config!) ?? []);
    for (const result of found) this.store.put(result);
    // cells that depend on the adopted ones have a configuration now
    return found.length === 0 ? 0 : found.length + this.adopt(scope);
  }

  /** The lock of the run folder: one process trains or publishes at a time. */
  lock(waiting?: (pid: number) => void): Promise<Lock> {
    return lockRun(this.preset.name, waiting, this.options.signal);
  }

  /**
   * Trains the missing cells of a scope in worker processes, seed by seed, longest first.
   * @throws UserError where a worker cannot write, and at the end where cells were given up; finished cells stay.
   */
  async finish(
    scope: Scope = {},
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<CellResult[]> {
    if (this.plan(scope).some((cell) => !this.finished(cell))) {
      const estimates = this.estimates();
      const report = (event: Progress["event"]) => onProgress(this.progress(scope, estimates, active, event));
      const active = new Map<string, Active>();
      const lock = await this.lock((pid) => report({ kind: "waiting", pid }));
      try {
        this.store.sweep();
        await this.train(scope, estimates, active, report);
      } finally {
        lock.release();
      }
    }
    return this.results(scope);
  }

  private async train(
    scope: Scope,
    estimates: Estimates,
    active: Map<string, Active>,
    report: (event: Progress["event"]) => void,
  ): Promise<void> {
    const failed = new Set<string>();
    const next = (): Order | undefined => {
      const cells = this.plan(scope);
      const needed = new Set(cells.flatMap((cell) => (this.finished(cell) ? [] : cell.needs)));
      // what others wait for; then seed by seed, so that a run which is stopped has something of every row
      const round = ({ name, task, run }: Cell) => (needed.has(name) ? 0 : seedOf(run, findTask(task)));
      const seconds = (cell: Cell) => estimates.seconds(cell.name, cell.config!);
      const [cell] = cells
        .filter(({ name, config }) => config && !active.has(name) && !failed.has(name))
        .filter((cell) => !this.finished(cell))
        .sort((a, b) => round(a) - round(b) || seconds(b) - seconds(a));
      return cell && this.order(cell);
    };
    await runPool(this.pool, next, {
      backend: (line) => report({ kind: "backend", line }),
      note: (line) => report({ kind: "note", line }),
      start: (name) => {
        const { config } = this.plan(scope).find((cell) => cell.name === name)!;
        active.set(name, { epochs: config!.epochs });
        report({ kind: "start", name });
      },
      epoch: (name, record) => {
        active.get(name)!.record = record;
        report({ kind: "epoch", name });
      },
      done: (result) => {
        active.delete(result.name);
        this.known.set(result.name, result);
        estimates.learn(result);
        report({ kind: "done", result });
      },
      failed: (name, why) => {
        active.delete(name);
        failed.add(name);
        report({ kind: "failed", name, why });
      },
    });
  }

  private get pool(): PoolOptions {
    const { backend, signal, trainer = new URL("./train-cell.js", import.meta.url).href } = this.options;
    const threads = Math.max(1, Math.floor(availableParallelism() / this.jobs));
    return { jobs: this.jobs, threads, backend, signal, trainer, folder: this.store.folder };
  }

  private order({ name, task, config }: Cell): Order {
    const { path, shifted } = this.files[task]!;
    return { name, config: config!, path, ...(config!.shifts && { shifted }) };
  }

  private result(name: string, config: CellConfig): CellResult | undefined {
    const known = this.known.get(name);
    if (known && sameConfig(known.config, config) && this.store.has(name)) return known;
    const result = this.store.get(name, config);
    if (result) this.known.set(name, result);
    return result;
  }

  private estimates(): Estimates {
    return new Estimates((name, config) => {
      if (!this.expected.has(name)) {
        const recorded = this.published.get(name, config)?.seconds;
        this.expected.set(name, recorded || modelSeconds(config, this.sizeOf(config)));
      }
      return this.expected.get(name)!;
    });
  }

  private sizeOf(config: CellConfig) {
    const { layers, features } = this.files[config.task]!;
    const { train, test } = this.indices(config);
    return { layers, features, trainItems: train.length, testItems: test.length };
  }

  private indices({ task, run, trainItems, testItems, holdout }: CellConfig) {
    const { split } = findTask(task);
    return selectIndices(this.files[task]!, { run, split, trainItems, testItems, holdout });
  }

  private left(scope: Scope, estimates: Estimates, active: Map<string, Active>): number {
    const cells = this.plan(scope);
    const seconds = (cell: Cell): number => {
      // a cell that waits for others costs about what its method does on all layers
      const config = cell.config ?? cells.find(({ name }) => name === cell.needs[0])!.config!;
      const { epochs = 1, record } = active.get(cell.name) ?? {};
      return estimates.seconds(cell.name, config) * (1 - (record?.epoch ?? 0) / epochs);
    };
    const missing = cells.filter((cell) => !this.finished(cell));
    const running = missing.filter(({ name }) => active.has(name));
    const waiting = missing.filter(({ name }) => !active.has(name));
    return secondsLeft(running.map(seconds), waiting.map(seconds), this.jobs);
  }

  private progress(
    scope: Scope,
    estimates: Estimates,
    active: Map<string, Active>,
    event: Progress["event"],
  ): Progress {
    const cells = this.plan(scope);
    return {
      total: cells.length,
      done: cells.filter((cell) => this.finished(cell)).length,
      secondsLeft: this.left(scope, estimates, active),
      running: [...active].map(([name, state]) => ({ name, ...state })),
      event,
    };
  }
}

/** As {@link Run.lock}, of a run that is not opened yet. */
export function lockRun(
  preset: string,
  waiting?: (pid: number) => void,
  signal?: AbortSignal,
): Promise<Lock> {
  return Lock.acquire(join(runFolder(preset), "lock"), waiting, signal);
}

interface Active {
  epochs: number;
  record?: EpochRecord;
}
