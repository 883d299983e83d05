import { UserError, oneOf } from "../../errors.js";
import type { Cell } from "./cell.js";
import { methods } from "./methods.js";
import { type FeatureInfo, type Finished, TaskPlan } from "./task-plan.js";
import { type Part, type Preset, probeParts } from "../types.js";

/** Which cells of a preset: all tasks and methods when left out; without a part all but those that only their name plans. */
export interface Scope {
  tasks?: readonly string[];
  methods?: readonly string[];
  part?: Part;
}

/** Parts that no scope has which does not name them. */
const onlyByName: readonly Part[] = ["robustness", ...probeParts];

/**
 * Every cell of a preset. Where its rows choose among rates, those come first that are judged on held-out training items; decoders are
 * trained at every rate, ablations, rows that fine-tune and tests on shifted inputs at the one that their row chose, and
 * those on changed hidden states at the rates of their part.
 * @param infos feature files by task; tasks without one have no cells.
 * @param finished what is known of other cells: rates follow from held-out trainings, the ablation of layers from DAAMv1's cell of the same
 *   run, which saw the same training items.
 */
export const planCells = (preset: Preset, infos: Record<string, FeatureInfo>, finished: Finished): Cell[] =>
  Object.entries(infos).flatMap(([task, info]) => new TaskPlan(preset, task, info, finished).cells());

/**
 * The cells of a scope, and those that they need.
 * @throws UserError that lists the tasks or methods of the plan where one is unknown.
 */
export function inScope(cells: readonly Cell[], scope: Scope): Cell[] {
  const taskNames = [...new Set(cells.map(({ task }) => task))];
  for (const task of scope.tasks ?? []) oneOf("task", task, taskNames);
  const methodNames = [...new Set(cells.map(({ method }) => method))];
  for (const method of scope.methods ?? []) {
    if (!methodNames.includes(method) && methods.some(({ name }) => name === method))
      throw new UserError(
        `${method} has no cells here: rows of LoRA, and others at its budget, have some only with --lora (make LORA=1)`,
      );
    oneOf("method", method, methodNames);
  }
  // a table marks the rates that its rows chose
  const inPart = ({ part }: Cell) =>
    scope.part === "table"
      ? part === "table" || part === "rates"
      : scope.part
        ? part === scope.part
        : !onlyByName.includes(part);
  const chosen = cells.filter(
    (cell) =>
      (!scope.tasks || scope.tasks.includes(cell.task)) &&
      (!scope.methods || scope.methods.includes(cell.method)) &&
      inPart(cell),
  );
  if (chosen.length === 0)
    throw new UserError(
      `no cell of ${scope.tasks?.join(", ") ?? "any task"} has the method ${scope.methods?.join(", ") ?? "any"}` +
        `${scope.part ? ` in the part ${scope.part}` : ""}: see npx daam cells`,
    );
  const needed = new Set(chosen.flatMap(({ needs }) => needs));
  return cells.filter((cell) => chosen.includes(cell) || needed.has(cell.name));
}
