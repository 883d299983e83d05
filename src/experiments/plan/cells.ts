import { createHash } from "node:crypto";
import { UserError, oneOf } from "../../errors.js";
import { ablationMethods, layersByShare } from "./ablations.js";
import { cellName, type Cell } from "./cell.js";
import { methods } from "./methods.js";
import { weightDecay } from "./presets.js";
import type { Rates } from "./rates.js";
import { robustnessCells } from "./robustness.js";
import { findTask } from "./tasks.js";
import type { CellConfig, CellResult, Method, Part, Preset, Stage, TaskBudget } from "../types.js";

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

/** Which cells of a preset: all tasks and methods when left out; without a part tables and ablations, robustness only by its name. */
export interface Scope {
  tasks?: readonly string[];
  methods?: readonly string[];
  part?: Part;
}

/** Depends on task and run but not on the method: the methods of a run see the same batches and start from the same decoder. */
export const cellSeed = (task: string, run: number) =>
  createHash("sha256").update(`${task}/run-${run}`).digest().readUInt32BE();

/** The rows of a task's table that a preset trains and, where the preset has them, of its ablations. */
function methodsOf(preset: Preset, task: string, info: FeatureInfo): Method[] {
  const size = { ...info, task };
  const rows = methods.filter((method) => budgetOf(preset, task, method));
  return preset.ablations.includes(task) ? [...rows, ...ablationMethods(size)] : rows;
}

/** Items, epochs and rate of a method on a task, and its batch where that is not the task's; undefined where the preset does not train it. */
function budgetOf(
  { tasks }: Preset,
  task: string,
  { fineTuning, budget }: Method,
): (Omit<TaskBudget, "runs" | "fineTuning" | "robustness"> & { batch?: number }) | undefined {
  return fineTuning || budget ? tasks[task]!.fineTuning : tasks[task]!;
}

/** Runs of a method on a task of a preset; 0 where the preset does not train it. */
export function runsOf(
  { group, layers, fineTuning, budget }: Method,
  { tasks }: Preset,
  task: string,
): number {
  const { runs, fineTuning: raw } = tasks[task]!;
  if (group === "ablation") return layers ? Math.min(runs, findTask(task).paperRuns.length) : 1;
  return fineTuning || budget ? (raw?.runs[group] ?? 0) : runs;
}

/**
 * Every cell of a preset.
 * @param infos feature files by task; tasks without one have no cells.
 * @param finished a cell's result, where it is finished with this configuration; the ablation of layers follows from DAAMv1's of the same run,
 *   which saw the same training items.
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
      ...configOf(preset, size, info, method, run, stages),
      learningRate:
        rates[taskName]?.[method.variantOf ?? method.name] ??
        budgetOf(preset, taskName, method)!.learningRate,
    });
    for (const method of methodsOf(preset, taskName, info)) {
      const runs = runsOf(method, preset, taskName);
      for (let run = 1; run <= runs; run++) {
        const cell: Cell = {
          name: cellName(taskName, method.name, run),
          task: taskName,
          method: method.name,
          run,
          part: method.group === "ablation" ? "ablations" : "table",
          needs: [],
        };
        if (!method.layers) {
          cell.config = configured(method, run, method.stages(size));
        } else {
          const source = cellName(taskName, "daam-v1", run);
          cell.needs = [source];
          const result = finished(source, cells.find(({ name }) => name === source)!.config!);
          if (result) {
            const indices = layersByShare(result, method.layers);
            const stages = method.stages({ ...size, layers: indices.length });
            cell.config = configured(method, run, [{ kind: "layers", indices }, ...stages]);
          }
        }
        cells.push(cell);
      }
    }
    const trained = cells.filter((cell) => cell.task === taskName && cell.part === "table");
    cells.push(...robustnessCells(preset.tasks[taskName]!, trained, info.shifted ?? {}));
  }
  return cells;
}

function configOf(
  preset: Preset,
  size: Parameters<Method["stages"]>[0],
  { id, about }: FeatureInfo,
  method: Method,
  run: number,
  stages: Stage[],
): Omit<CellConfig, "learningRate"> {
  const task = findTask(size.task);
  const { epochs, batch, trainItems, testItems } = budgetOf(preset, task.name, method)!;
  return {
    preset: preset.name,
    task: task.name,
    method: method.name,
    run,
    seed: cellSeed(task.name, run),
    features: id,
    ...(about?.commit !== undefined && { encoder: `${about.repository}@${about.commit}` }),
    stages,
    hidden: preset.hidden,
    epochs,
    weightDecay,
    batch: batch ?? task.batch,
    ...(method.fineTuning ? { fineTuning: method.fineTuning(size) } : { clipNorm: task.clipNorm }),
    loss: task.loss,
    ...(trainItems !== undefined && { trainItems }),
    ...(testItems !== undefined && { testItems }),
  };
}

/**
 * The cells of a scope, and those that they need.
 * @throws UserError that lists the tasks or methods of the plan where one is unknown.
 */
export function inScope(cells: readonly Cell[], scope: Scope): Cell[] {
  const taskNames = [...new Set(cells.map(({ task }) => task))];
  for (const task of scope.tasks ?? []) oneOf("task", task, taskNames);
  const methodNames = [...new Set(cells.map(({ method }) => method))];
  for (const method of scope.methods ?? []) oneOf("method", method, methodNames);
  const chosen = cells.filter(
    (cell) =>
      (!scope.tasks || scope.tasks.includes(cell.task)) &&
      (!scope.methods || scope.methods.includes(cell.method)) &&
      (scope.part ? cell.part === scope.part : cell.part !== "robustness"),
  );
  if (chosen.length === 0)
    throw new UserError(
      `no cell of ${scope.tasks?.join(", ") ?? "any task"} has the method ${scope.methods?.join(", ") ?? "any"}` +
        `${scope.part ? ` in the part ${scope.part}` : ""}: see daam cells`,
    );
  const needed = new Set(chosen.flatMap(({ needs }) => needs));
  return cells.filter((cell) => chosen.includes(cell) || needed.has(cell.name));
}
