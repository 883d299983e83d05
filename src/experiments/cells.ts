import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { UserError, oneOf } from "../errors.js";
import { ablationMethods, layersByShare } from "./ablations.js";
import { methods } from "./methods.js";
import { weightDecay } from "./presets.js";
import type { Rates } from "./rates.js";
import { findTask } from "./tasks.js";
import type { CellConfig, CellResult, Method, Preset, Stage } from "./types.js";

/** A cell of the plan. */
export interface Cell {
  /** `task/method/run-1`. */
  name: string;
  task: string;
  method: string;
  run: number;
  /** Undefined while it depends on cells that are not finished. */
  config?: CellConfig;
  /** Names of the cells that its configuration depends on. */
  needs: string[];
}

/** What the plan must know of a task's feature file. */
export interface FeatureInfo {
  layers: number;
  features: number;
  /** Name of the file and the start of its SHA-256. */
  id: string;
}

/** Which cells of a preset: all tasks, methods and parts when left out. */
export interface Scope {
  tasks?: readonly string[];
  methods?: readonly string[];
  part?: "table" | "ablations";
}

export const cellName = (task: string, method: string, run: number) => `${task}/${method}/run-${run}`;

/** Depends on task and run but not on the method: the methods of a run see the same batches and start from the same decoder. */
export const cellSeed = (task: string, run: number) =>
  createHash("sha256").update(`${task}/run-${run}`).digest().readUInt32BE();

/** The rows of a task's table and, where the preset has them, of its ablations. */
export function methodsOf(preset: Preset, task: string, info: FeatureInfo): Method[] {
  const size = { ...info, task };
  return preset.ablations.includes(task) ? [...methods, ...ablationMethods(size)] : [...methods];
}

/**
 * Every cell of a preset.
 * @param infos feature files by task; tasks without one have no cells.
 * @param finished a cell's result, where it is finished with this configuration; the ablation of layers follows from those of DAAMv1.
 * @param rates learning rates that rows have chosen; the others take their task's.
 */
export function planCells(
  preset: Preset,
  infos: Record<string, FeatureInfo>,
  finished: (name: string, config: CellConfig) => CellResult | undefined,
  rates: Rates = {},
): Cell[] {
  const cells: Cell[] = [];
  for (const [taskName, info] of Object.entries(infos)) {
    const size = { layers: info.layers, features: info.features, task: taskName };
    const configured = (method: Method, run: number, stages: Stage[]) => ({
      ...configOf(preset, taskName, info.id, method.name, run, stages),
      learningRate:
        rates[taskName]?.[method.variantOf ?? method.name] ?? preset.tasks[taskName]!.learningRate,
    });
    for (const method of methodsOf(preset, taskName, info)) {
      const runs = method.group === "ablation" ? 1 : preset.tasks[taskName]!.runs;
      for (let run = 1; run <= runs; run++) {
        const cell: Cell = {
          name: cellName(taskName, method.name, run),
          task: taskName,
          method: method.name,
          run,
          needs: [],
        };
        if (!method.layers) {
          cell.config = configured(method, run, method.stages(size));
        } else {
          const sources = cells.filter(
            ({ task, method: source }) => task === taskName && source === "daam-v1",
          );
          cell.needs = sources.map(({ name }) => name);
          const results = sources.flatMap(({ name, config }) => finished(name, config!) ?? []);
          if (results.length === sources.length) {
            const indices = layersByShare(results, method.layers);
            const stages = method.stages({ ...size, layers: indices.length });
            cell.config = configured(method, run, [{ kind: "layers", indices }, ...stages]);
          }
        }
        cells.push(cell);
      }
    }
  }
  return cells;
}

function configOf(
  preset: Preset,
  taskName: string,
  features: string,
  method: string,
  run: number,
  stages: Stage[],
): Omit<CellConfig, "learningRate"> {
  const task = findTask(taskName);
  const { epochs, trainItems, testItems } = preset.tasks[taskName]!;
  return {
    preset: preset.name,
    task: taskName,
    method,
    run,
    seed: cellSeed(taskName, run),
    features,
    stages,
    hidden: preset.hidden,
    epochs,
    weightDecay,
    batch: task.batch,
    clipNorm: task.clipNorm,
    loss: task.loss,
    ...(trainItems !== undefined && { trainItems }),
    ...(testItems !== undefined && { testItems }),
  };
}

/** Whether two configurations give the same figures: equal in every entry. */
export const sameConfig = (a: CellConfig, b: CellConfig) => isDeepStrictEqual(a, b);

/**
 * The cells of a scope, and those that they need.
 * @throws UserError that lists the tasks or methods of the plan where one is unknown.
 */
export function inScope(cells: readonly Cell[], scope: Scope): Cell[] {
  const taskNames = [...new Set(cells.map(({ task }) => task))];
  for (const task of scope.tasks ?? []) oneOf("task", task, taskNames);
  const methodNames = [...new Set(cells.map(({ method }) => method))];
  for (const method of scope.methods ?? []) oneOf("method", method, methodNames);
  const isAblation = ({ method }: Cell) => !methods.some(({ name }) => name === method);
  const chosen = cells.filter(
    (cell) =>
      (!scope.tasks || scope.tasks.includes(cell.task)) &&
      (!scope.methods || scope.methods.includes(cell.method)) &&
      (!scope.part || (scope.part === "ablations") === isAblation(cell)),
  );
  if (chosen.length === 0)
    throw new UserError(
      `no cell of ${scope.tasks?.join(", ") ?? "any task"} has the method ${scope.methods?.join(", ")}: see daam cells`,
    );
  const needed = new Set(chosen.flatMap(({ needs }) => needs));
  return cells.filter((cell) => chosen.includes(cell) || needed.has(cell.name));
}
