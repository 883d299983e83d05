import { availableParallelism } from "node:os";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../errors.js";
import { guard } from "../../files.js";
import { summariseFeatures, type FeatureSummary } from "../../features/load.js";
import { selectIndices } from "../../features/select.js";
import { sameButRate, sameConfig, type Cell } from "../plan/cell.js";
import { inScope, planCells, type Scope } from "../plan/cells.js";
import type { FeatureInfo, Finished } from "../plan/task-plan.js";
import { Claims } from "./claims.js";
import { Estimates, modelSeconds, type CellSize } from "./estimate.js";
import { featureFiles, type TaskFiles } from "./feature-files.js";
import { resultsFolder, runFolder } from "../../folders.js";
import { Lock, type Silence } from "../../lock.js";
import { checkBackend, type Order, type PoolOptions } from "./pool.js";
import type { Progress } from "./progress.js";
import { type Host, Training } from "./training.js";
import { withLocalData } from "./local-data.js";
import { presetAt } from "../plan/presets.js";
import { checkpointPath } from "../outcome/checkpoints.js";
import { PublishedCells } from "../outcome/published-cells.js";
import { type PublishedFeatures, readFeatures } from "../outcome/published-features.js";
import { recordedRobustness } from "../plan/robustness.js";
import { CellStore } from "../outcome/store.js";
import { findTask } from "../plan/tasks.js";
import {
  type CellConfig,
  type CellResult,
  type Preset,
  type ProbePart,
  probeParts,
  type TestItems,
} from "../types.js";

export interface RunOptions {
  /** Worker processes; the cores when left out. Each takes cores ÷ jobs backend threads. */
  jobs?: number;
  /** Those of this machine when left out. */
  cores?: number;
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
  /** After which another's claim on a cell is a dead process's; a test's own. */
  silence?: Silence;
}

/** A preset at work in `runs/<preset>/`: what is planned, what is finished, and how to finish the rest. */
export class Run {
  /** Feature files by task. */
  readonly files: Record<string, FeatureSummary & Pick<TaskFiles, "shifted">>;
  /** What is published of feature files that are not here. */
  private readonly absent: Record<string, PublishedFeatures>;
  /** Cells of this run. */
  readonly store: CellStore;
  /** Cells that were published. */
  readonly published: PublishedCells;
  readonly jobs: number;
  private readonly claims: Claims;
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
    this.jobs = options.jobs ?? this.cores;
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
    const absent = Object.keys(preset.tasks).filter((task) => !this.files[task]);
    this.absent = preset.alwaysAnew ? {} : readFeatures(this.published.folder, absent);
    this.claims = new Claims(this.store.folder, options.silence);
  }

  /**
   * The cells of a scope, and those that they need.
   * @throws UserError for a preset none of whose hidden states are made, or a scope without any cell
   */
  plan(scope: Scope = {}): Cell[] {
    return this.planWith(scope, this.files, (name, config) => this.result(name, config));
  }

  /** The cells of all parts, those among them that are planned by the part's name alone; none before hidden states are made. */
  everyCell(): Cell[] {
    return planCells(this.preset, this.files, (name, config) => this.result(name, config));
  }

  private planWith(scope: Scope, infos: Record<string, FeatureInfo>, find: Finished): Cell[] {
    if (!Object.keys(infos).length)
      throw new UserError(
        `the hidden states of ${this.preset.name} are not made yet: npx daam run --preset ${this.preset.name} makes them from raw data first`,
      );
    return inScope(planCells(this.preset, infos, find), scope);
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
    const cells = this.planWith(scope, this.features, find);
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
    const planned = Object.values(this.features).some(({ shifted = {} }) => Object.keys(shifted).length > 0);
    // the part also has the trainings by which its rows chose their rates
    const part = planned ? this.standing({ part: "robustness" }).results : [];
    const found = part.filter(({ config }) => config.shifts);
    const earlier = this.preset.alwaysAnew ? [] : recordedRobustness(this.preset, this.published);
    const has = (task: string) => found.some(({ config }) => config.task === task);
    return [...found, ...earlier.filter(({ config }) => !has(config.task))];
  }

  /** Feature files by task, those that are published alone among them, in the order of the preset: what can be published is planned by these. */
  get features(): Record<string, FeatureInfo> {
    const tasks = Object.keys(this.preset.tasks);
    return Object.fromEntries(
      tasks.flatMap((task) => {
        const info = this.files[task] ?? this.absent[task];
        return info ? [[task, info] as const] : [];
      }),
    );
  }

  /** Cells of a part, or of all, that were trained on changed hidden states, finished here or published. */
  probes(asked: readonly ProbePart[] = probeParts): CellResult[] {
    return asked
      .filter((part) => Object.keys(this.features).some((task) => this.preset.probes?.[part]?.tasks[task]))
      .flatMap((part) => this.standing({ part }).results);
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
  testLabels(config: CellConfig): ArrayLike<number> {
    const file = this.files[config.task];
    if (!file) return this.absent[config.task]!.testItems(config)!.labels;
    const { labels } = file;
    return this.indices(config).test.map((index) => labels[index]!);
  }

  /** A cell's test items, in the order of its predictions; undefined where it was trained on another feature file. */
  testItems(config: CellConfig): TestItems | undefined {
    const { task, run, trainItems, testItems, holdout } = config;
    const file = this.files[task];
    if (config.features !== this.features[task]?.id) return undefined;
    if (!file) return this.absent[task]!.testItems(config);
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
    return this.training(
      () => this.plan(scope),
      () => {},
    ).secondsLeft;
  }

  /** Seconds that cells with a configuration may take on one core, by what the finished ones took. */
  secondsOf(cells: readonly Cell[]): number[] {
    const estimates = this.estimates();
    for (const cell of cells.length ? this.plan() : []) {
      const result = this.finished(cell);
      if (result) estimates.learn(result);
    }
    return cells.map(({ name, config }) => estimates.seconds(name, config!));
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
      const training = this.training(() => this.plan(scope), onProgress);
      const lock = await this.lock((pid) => training.tell({ kind: "waiting", pid }));
      try {
        // what workers of a cluster are in the middle of writing is theirs
        if (this.claims.held.length === 0) this.store.sweep();
        await training.run();
      } finally {
        lock.release();
      }
    }
    return this.results(scope);
  }

  /**
   * Trains those of these cells that are missing, without the lock of the run folder: other processes may work in it, on any host that
   * shares it. Cells that they train are waited for.
   * @throws UserError as {@link finish} does, and where cells wait for others that are not finished
   */
  async work(
    scope: Scope,
    names: ReadonlySet<string>,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<CellResult[]> {
    const chosen = () => this.plan(scope).filter(({ name }) => names.has(name));
    await this.training(() => chosen().filter(({ config }) => config), onProgress).run();
    const waiting = chosen().filter(({ config }) => !config);
    if (waiting.length)
      throw new UserError(
        `${waiting.map(({ name, needs }) => `${name} waits for ${needs.join(", ")}`).join("; ")}: train those first`,
      );
    return chosen().flatMap((cell) => this.finished(cell) ?? []);
  }

  private training(cells: () => Cell[], onProgress: (progress: Progress) => void): Training {
    const { claims, pool } = this;
    const host: Host = {
      cells,
      finished: (cell) => this.finished(cell),
      keep: (result) => this.known.set(result.name, result),
      order: (cell) => this.order(cell),
      estimates: this.estimates(),
      claims,
      pool,
    };
    return new Training(host, onProgress);
  }

  private get cores(): number {
    return this.options.cores ?? availableParallelism();
  }

  private get pool(): PoolOptions {
    const { backend, signal, trainer = new URL("./train-cell.js", import.meta.url).href } = this.options;
    const threads = Math.max(1, Math.floor(this.cores / this.jobs));
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

  /** What the length of a cell depends on beside its configuration. */
  sizeOf(config: CellConfig): CellSize {
    const { layers, features } = this.files[config.task]!;
    const { train, test } = this.indices(config);
    return { layers, features, trainItems: train.length, testItems: test.length };
  }

  private indices({ task, run, trainItems, testItems, holdout }: CellConfig) {
    const { split } = findTask(task);
    return selectIndices(this.files[task]!, { run, split, trainItems, testItems, holdout });
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
