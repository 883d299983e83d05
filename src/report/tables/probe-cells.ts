/** Cells that were trained on changed hidden states, by task, row, condition and rate. */
import { isDeepStrictEqual } from "node:util";
import { type Condition, type Probe, probes } from "../../experiments/plan/probes.js";
import type { CellResult, Preset, ProbeBudget, ProbePart, Task } from "../../experiments/types.js";
import { interval } from "../../statistics/inference.js";
import { type Summary, summarise } from "../../statistics/summary.js";
import { overBlocks } from "../../statistics/variance-components.js";
import { plusMinus, rateText } from "./words.js";
import type { TextTable } from "./text-table.js";

/** A task's cells of a part. */
export interface ProbeResults {
  task: Task;
  probe: Probe;
  budget: ProbeBudget;
  /** Finished cells of the task. */
  results: readonly CellResult[];
  /** Those of a row under a condition at a rate, by run. */
  cells(method: string, condition: Condition, rate: number): readonly CellResult[];
}

/** What a preset's cells of a part say, a task each; none where the preset has no such part. */
export function probeResults(
  part: ProbePart,
  preset: Preset,
  tasks: readonly Task[],
  results: readonly CellResult[],
): ProbeResults[] {
  const probe = probes[part];
  const budget = preset.probes?.[part];
  if (!budget) return [];
  const key = (method: string, condition: string, rate: number) => [method, condition, rate].join();
  return tasks
    .filter(({ name }) => budget.tasks[name])
    .map((task) => {
      const groups = new Map<string, CellResult[]>();
      const own = results.filter(({ config }) => config.task === task.name);
      for (const result of own) {
        const { method, input, learningRate } = result.config;
        const condition = probe.conditions.find((condition) => isDeepStrictEqual(condition.input, input));
        if (!condition) continue;
        const at = key(method, condition.name, learningRate);
        groups.set(at, [...(groups.get(at) ?? []), result]);
      }
      for (const cells of groups.values()) cells.sort((a, b) => a.config.run - b.config.run);
      return {
        task,
        probe,
        budget,
        results: [...groups.values()].flat(),
        cells: (method, condition, rate) => groups.get(key(method, condition.name, rate)) ?? [],
      };
    });
}

export const titleIn = ({ probe }: Pick<ProbeResults, "probe">, method: string) =>
  probe.rows.find(({ name }) => name === method)!.title;

/** Cells that a task of a part has when complete. */
export const cellsOfAll = ({ task, probe, budget }: ProbeResults) =>
  budget.tasks[task.name]!.runs * probe.conditions.length * probe.rows.length * budget.rates.length;

/** Accuracies in % of the last epoch; undefined without cells. */
export function accuracyOf(cells: readonly CellResult[]): Summary | undefined {
  return cells.length ? summarise(cells.map(({ last }) => 100 * last.accuracy)) : undefined;
}

/** A mean with its 95 % interval over runs (Student's t); as wide as nothing where there is one run. */
export interface Bounded {
  mean: number;
  low: number;
  high: number;
}

export function bounded(values: readonly number[]): Bounded {
  const found = overBlocks(values.map((value) => [[value]]));
  const { mean } = summarise(values);
  const [low, high] = found ? interval(found) : [mean, mean];
  return { mean, low, high };
}

/** Accuracy in %, mean ± population sd over runs, last epoch: a line a row and rate, a column a condition. */
export function probeTable(of: ProbeResults): TextTable {
  const { probe, budget, task } = of;
  const all = budget.tasks[task.name]!.runs;
  const text = (cells: readonly CellResult[]) => {
    const found = accuracyOf(cells);
    if (!found) return "–";
    return plusMinus(found) + (found.n < all ? ` (${found.n} of ${all})` : "");
  };
  return {
    columns: ["method", "rate", ...probe.conditions.map(({ title }) => title)],
    rows: probe.rows.flatMap(({ name, title }) =>
      budget.rates.map((rate) => [
        title,
        rateText(rate),
        ...probe.conditions.map((condition) => text(of.cells(name, condition, rate))),
      ]),
    ),
  };
}

/** Every accuracy of a part as CSV rows, a line a row, condition and rate. */
export function probeCsv(parts: readonly ProbeResults[]): TextTable {
  const rows = parts.flatMap((of) =>
    of.probe.conditions.flatMap((condition) =>
      of.budget.rates.flatMap((rate) =>
        of.probe.rows.flatMap(({ name, title }) => {
          const found = accuracyOf(of.cells(name, condition, rate));
          if (!found) return [];
          const figures = [found.mean.toFixed(2), found.sd.toFixed(2), String(found.n)];
          return [[of.task.name, condition.title, rateText(rate), title, ...figures]];
        }),
      ),
    ),
  );
  return { columns: ["task", "condition", "rate", "method", "accuracy", "sd", "runs"], rows };
}

/** What a part takes, from its budget: "images 4 epochs of 5,000 items, 5 runs". */
export function budgetText(parts: readonly ProbeResults[]): string {
  const items = (count: number | undefined) => (count === undefined ? "all" : count.toLocaleString("en"));
  const texts = parts.map(({ task, budget }) => {
    const { runs, epochs, trainItems, testItems } = budget.tasks[task.name]!;
    return `${task.name} ${runs} runs, ${epochs} epochs, ${items(trainItems)} training and ${items(testItems)} test items`;
  });
  const { hidden, rates } = parts[0]!.budget;
  return `${hidden} channels, rates ${rates.map(rateText).join(" and ")}; ${texts.join("; ")}.`;
}
