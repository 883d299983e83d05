import { UserError } from "../../errors.js";
import type { FeatureSummary } from "../../features/load.js";
import { ablations, type Ablation } from "../plan/ablations.js";
import type { Scope } from "../plan/cells.js";
import { resultsFolder } from "../../folders.js";
import { findPreset, RECORDED } from "../plan/presets.js";
import { recordedProbes } from "../plan/probes.js";
import { recordedRobustness } from "../plan/robustness.js";
import { publishedItems } from "../outcome/published-features.js";
import { recordedCells, tableMethods } from "../outcome/recorded.js";
import type { Progress } from "./progress.js";
import type { RunOptions } from "./run.js";
import { Run } from "./run.js";
import { PublishedCells } from "../outcome/published-cells.js";
import { taskAt } from "../plan/tasks.js";
import type { CellResult, Method, Preset, ProbePart, Task, TaskBudget, TestItems } from "../types.js";

/** Share of a class in a task's items. */
export interface ClassCount {
  class: string;
  train: number;
  test: number;
}

/** Cells that were trained on changed hidden states. */
export interface Probed {
  preset: Preset;
  /** Published with another preset than that of the run. */
  recorded: boolean;
  tasks: Task[];
  results: CellResult[];
  /** The test items of a cell; undefined where they are not known. */
  items(result: CellResult): TestItems | undefined;
}

/** A preset's run for notebooks: what is finished is read, what is missing is trained. */
export class OpenRun {
  constructor(private readonly run: Run) {}

  get preset(): Preset {
    return this.run.preset;
  }

  /** Tasks of the preset, in the order of the paper. */
  get tasks(): TaskRun[] {
    return this.run.taskNames.map((name) => this.task(name));
  }

  /** Rows of every task's table. */
  get methods(): readonly Method[] {
    return tableMethods(this.run.preset);
  }

  /**
   * Cells that were tested on shifted inputs: this run's where it has any, else those that are published with another preset
   * (`recorded`), since shipped hidden states cannot be shifted.
   */
  get robustness(): { preset: Preset; recorded: boolean; tasks: Task[]; results: CellResult[] } {
    const own = this.run.robustness;
    const recorded = own.length === 0;
    const preset = recorded ? findPreset(RECORDED) : this.preset;
    const published = new PublishedCells(resultsFolder(preset.name));
    const tasks = Object.keys(preset.tasks).map((name) => taskAt(preset, name));
    return { preset, recorded, tasks, results: recorded ? recordedRobustness(preset, published) : own };
  }

  /**
   * Cells that were trained on changed hidden states, and their test items: this run's where it has any, else those that are published with
   * another preset (`recorded`).
   */
  probes(part: ProbePart): Probed {
    const own = this.run.probes([part]);
    const recorded = own.length === 0;
    const preset = recorded ? findPreset(RECORDED) : this.preset;
    const folder = resultsFolder(preset.name);
    return {
      preset,
      recorded,
      tasks: Object.keys(preset.tasks).map((name) => taskAt(preset, name)),
      results: recorded ? recordedProbes(preset, part, new PublishedCells(folder)) : own,
      items: recorded ? publishedItems(folder) : ({ config }) => this.run.testItems(config),
    };
  }

  /** @throws UserError that lists the tasks. */
  task(name: string): TaskRun {
    const task = taskAt(this.run.preset, name);
    if (!this.run.files[name]) {
      const { preset } = this.run;
      throw new UserError(
        `the hidden states of ${name} are not made yet: npx daam features --preset ${preset.name} --task ${name}`,
      );
    }
    return new TaskRun(this.run, task);
  }
}

/** One task of a run. */
export class TaskRun {
  constructor(
    private readonly run: Run,
    readonly task: Task,
  ) {}

  /** Items, epochs, rate and runs of the preset. */
  get budget(): TaskBudget {
    return this.run.preset.tasks[this.task.name]!;
  }

  /** Rows of the table. */
  get methods(): readonly Method[] {
    return tableMethods(this.run.preset);
  }

  /** Finished cells of the table, and what another preset recorded. */
  get results(): CellResult[] {
    const { name } = this.task;
    return [...tested(this.run.results(this.scope)), ...recordedCells(this.methods, [name])];
  }

  /** Finished cells that were tested on held-out training items, by which rows choose their rates. */
  get heldOut(): CellResult[] {
    return this.run.results(this.scope).filter(({ config }) => config.holdout);
  }

  private get scope(): Scope {
    return { tasks: [this.task.name], part: "table" };
  }

  /** The feature file without its values: sizes, labels, splits, what it says of itself. */
  get features(): FeatureSummary {
    return this.run.files[this.task.name]!;
  }

  /** Labels of a cell's test items, in the order of its predictions. */
  testLabels({ config }: CellResult): ArrayLike<number> {
    return this.run.testLabels(config);
  }

  /** A cell's test items with their groups; undefined where they are not known. */
  testItems({ config }: CellResult): TestItems | undefined {
    return this.run.testItems(config);
  }

  /** The ablations of this task; none where the preset has none. */
  get ablations(): Ablation[] {
    const { layers, features } = this.features;
    const here = this.run.preset.ablations.includes(this.task.name);
    return here ? ablations({ layers, features, task: this.task.name }) : [];
  }

  /** Items of each class; with folds, those of run 1. */
  get classBalance(): ClassCount[] {
    const { labels, split, fold } = this.features;
    const testing = (i: number) => (this.task.split === "folds" ? fold![i] === 0 : split![i] === 1);
    return this.task.classes.map((name, label) => {
      const items = [...labels.keys()].filter((i) => labels[i] === label);
      const test = items.filter(testing).length;
      return { class: name, train: items.length - test, test };
    });
  }

  /**
   * Trains the missing cells of the table, and those by which its rows choose their rates, in worker processes and returns all of the table.
   * @throws UserError where a worker dies or the run folder cannot be written.
   */
  async finish(onProgress?: (progress: Progress) => void): Promise<CellResult[]> {
    return tested(await this.run.finish(this.scope, onProgress));
  }

  /** The same for the ablations; returns the cells of every method that an ablation names, rows of the table among them. */
  async finishAblations(onProgress?: (progress: Progress) => void): Promise<CellResult[]> {
    const names = [
      ...new Set(this.ablations.flatMap(({ entries }) => entries.map(({ method }) => method.name))),
    ];
    if (names.length === 0) return [];
    return tested(await this.run.finish({ tasks: [this.task.name], methods: names }, onProgress));
  }
}

/** Those that were tested on test items. */
const tested = (results: readonly CellResult[]) => results.filter(({ config }) => !config.holdout);

/**
 * Opens a preset's run: `const run = await openRun(process.env.PRESET ?? "quick")`.
 * @throws UserError for an unknown preset (lists the valid ones) or a feature file that cannot be used.
 */
export async function openRun(preset: string, options: RunOptions = {}): Promise<OpenRun> {
  return new OpenRun(await Run.open(preset, options));
}
