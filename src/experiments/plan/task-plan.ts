import { createHash } from "node:crypto";
import { ablationMethods, layersByShare } from "./ablations.js";
import { atEveryRate, budgetOf, gridOf, heldOutRuns, rowOfVariant, runsOf } from "./budget.js";
import { type Cell, cellName, heldOutName } from "./cell.js";
import { methods } from "./methods.js";
import { weightDecay } from "./presets.js";
import { probeCells } from "./probes.js";
import { choose, type Choice } from "./rates.js";
import { robustnessCells } from "./robustness.js";
import { findTask } from "./tasks.js";
import type { CellConfig, CellResult, ItemBudget, Method, Preset, Stage } from "../types.js";

/** What the plan must know of a task's feature file. */
export interface FeatureInfo {
  layers: number;
  features: number;
  /** Name of the file and the start of its SHA-256. */
  id: string;
  /** What the file says of itself. */
  about?: Record<string, unknown>;
  /** Paths of the feature files of shifted test items, by shift; each lies in a folder that is named by its contents. */
  shifted?: Record<string, string>;
}

/** A cell's result, where it is finished with this configuration. */
export type Finished = (name: string, config: CellConfig) => CellResult | undefined;

/** Depends on task and run but not on the method: the methods of a run see the same batches and start from the same decoder. */
export const cellSeed = (task: string, run: number) =>
  createHash("sha256").update(`${task}/run-${run}`).digest().readUInt32BE();

/** The cells of one task of a preset. */
export class TaskPlan {
  private readonly size: { layers: number; features: number; task: string };
  private readonly choices = new Map<string, Choice & { heldOut: Cell[] }>();

  constructor(
    private readonly preset: Preset,
    private readonly task: string,
    private readonly info: FeatureInfo,
    private readonly finished: Finished,
  ) {
    this.size = { layers: info.layers, features: info.features, task };
  }

  /** Those first that are judged on held-out training items, then the rows of the table and of the ablations, then tests on shifted inputs, then changed hidden states. */
  cells(): Cell[] {
    const { preset, task, info } = this;
    const rows = methods.filter((method) => budgetOf(preset, task, method));
    const variants = preset.ablations.includes(task) ? ablationMethods(this.size) : [];
    const cells = [...rows, ...variants].flatMap((method) => this.cellsOf(method));
    const heldOut = [...this.choices.values()].flatMap((choice) => choice.heldOut);
    const shifted = robustnessCells(preset, task, info.shifted ?? {}, (method, run) =>
      this.chosenCell(
        rows.find(({ name }) => name === method)!,
        run,
      ),
    );
    const probes = probeCells(preset, this.size, this.finished, (method, run, stages, budget) =>
      configOf(preset, this.size, info, method, run, stages, budget),
    );
    return [...heldOut, ...cells, ...shifted, ...probes];
  }

  private cellsOf(method: Method): Cell[] {
    const runs = Array.from({ length: runsOf(method, this.preset, this.task) }, (_, i) => i + 1);
    if (!atEveryRate(this.preset, method)) return runs.map((run) => this.chosenCell(method, run));
    const { rates } = this.choice(method);
    return runs.flatMap((run) => rates.map((rate) => this.cell(method, run, rate)));
  }

  /** A row's cell at a rate that it is tried at. */
  private cell(method: Method, run: number, rate: number): Cell {
    return {
      name: cellName(this.task, method.name, run, rate),
      ...this.about(method, run),
      config: this.config(method, run, rate),
      needs: [],
    };
  }

  /** A method's cell at the rate that its row has chosen; without a configuration while it has not. */
  private chosenCell(method: Method, run: number): Cell {
    const { chosen, heldOut } = this.choice(method);
    if (chosen !== undefined && atEveryRate(this.preset, method)) return this.cell(method, run, chosen);
    const cell = { name: cellName(this.task, method.name, run), ...this.about(method, run) };
    if (chosen === undefined) {
      const withoutRate = method.layers ? {} : { withoutRate: this.withoutRate(method, run) };
      return { ...cell, ...withoutRate, needs: heldOut.map(({ name }) => name) };
    }
    if (!method.layers) return { ...cell, config: this.config(method, run, chosen), needs: [] };
    // DAAMv1 of the same run, which saw the same training items
    const source = this.chosenCell(
      methods.find(({ name }) => name === "daam-v1")!,
      run,
    );
    if (!source.config) return { ...cell, needs: source.needs };
    const result = this.finished(source.name, source.config);
    const needs = [source.name];
    if (!result) return { ...cell, needs };
    const indices = layersByShare(result, method.layers);
    const stages = method.stages({ ...this.size, layers: indices.length });
    return {
      ...cell,
      config: this.config(method, run, chosen, [{ kind: "layers", indices }, ...stages]),
      needs,
    };
  }

  private about(method: Method, run: number): Pick<Cell, "task" | "method" | "run" | "part"> {
    return {
      task: this.task,
      method: method.name,
      run,
      part: method.group === "ablation" ? "ablations" : "table",
    };
  }

  /** What a method's row is tried at and has chosen, and the trainings that it chooses by. */
  private choice(method: Method): Choice & { heldOut: Cell[] } {
    const row = rowOfVariant(method);
    let choice = this.choices.get(row.name);
    if (!choice) this.choices.set(row.name, (choice = this.choose(row)));
    return choice;
  }

  private choose(row: Method): Choice & { heldOut: Cell[] } {
    const grid = gridOf(this.preset, this.task, row);
    if (!grid) {
      const { learningRate } = budgetOf(this.preset, this.task, row)!;
      return { rates: [learningRate], chosen: learningRate, heldOut: [] };
    }
    const heldOut: Cell[] = [];
    const choice = choose(grid, (rate) => {
      const cells = Array.from({ length: heldOutRuns(row, this.task) }, (_, i) =>
        this.heldOut(row, i + 1, rate),
      );
      heldOut.push(...cells.filter(({ name }) => !heldOut.some((cell) => cell.name === name)));
      const results = cells.flatMap(({ name, config }) => this.finished(name, config!) ?? []);
      return results.length === cells.length ? results.map(({ last }) => last.accuracy) : undefined;
    });
    return { ...choice, heldOut };
  }

  private heldOut(method: Method, run: number, rate: number): Cell {
    const { task } = this;
    const config: CellConfig = { ...this.config(method, run, rate), holdout: true };
    return {
      name: heldOutName(task, method.name, run, rate),
      task,
      method: method.name,
      run,
      part: "rates",
      config,
      needs: [],
    };
  }

  private config(method: Method, run: number, learningRate: number, stages?: Stage[]): CellConfig {
    return { ...this.withoutRate(method, run, stages), learningRate };
  }

  private withoutRate(method: Method, run: number, stages: Stage[] = method.stages(this.size)) {
    const budget = budgetOf(this.preset, this.task, method)!;
    return configOf(this.preset, this.size, this.info, method, run, stages, budget);
  }
}

function configOf(
  preset: Preset,
  size: Parameters<Method["stages"]>[0],
  { id, about }: FeatureInfo,
  method: Pick<Method, "name" | "fineTuning">,
  run: number,
  stages: Stage[],
  { epochs, batch, trainItems, testItems }: ItemBudget & { batch?: number },
): Omit<CellConfig, "learningRate"> {
  const task = findTask(size.task);
  return {
    preset: preset.name,
    task: task.name,
    method: method.name,
    run,
    seed: cellSeed(task.name, run),
    features: id,
    ...(about?.commit !== undefined && { encoder: `${about.repository}@${about.commit}` }),
    stages,
    ...(!method.fineTuning && { hidden: preset.hidden }),
    epochs,
    weightDecay,
    batch: batch ?? task.batch,
    ...(method.fineTuning ? { fineTuning: method.fineTuning(size) } : { clipNorm: task.clipNorm }),
    loss: task.loss,
    ...(trainItems !== undefined && { trainItems }),
    ...(testItems !== undefined && { testItems }),
  };
}
