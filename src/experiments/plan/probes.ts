/** Parts of a preset that train a few rows on hidden states that are changed first: conditions and rows, as data. */
import type { Transform } from "../../features/transform.js";
import type { Cells } from "../outcome/store.js";
import { cellName, type Cell } from "./cell.js";
import { densityHeads, methods } from "./methods.js";
import type {
  CellConfig,
  CellResult,
  ItemBudget,
  Method,
  Preset,
  ProbeBudget,
  ProbePart,
  Stage,
} from "../types.js";

/** How hidden states are changed. */
export interface Condition {
  /** In the names of cells. */
  name: string;
  title: string;
  input: Transform[];
}

/** A row of a part: one of the table, or one that this part alone has. */
interface ProbeRow extends Pick<Method, "name" | "title"> {
  stages(size: Size): Stage[];
  /** Its stages follow from the finished cell of another row: same condition, rate and run. */
  after?: { row: string; stages(result: CellResult): Stage[] };
}

export interface Probe {
  part: ProbePart;
  title: string;
  conditions: readonly Condition[];
  rows: readonly ProbeRow[];
}

type Size = Parameters<Method["stages"]>[0];

const row = (name: string): ProbeRow => methods.find((method) => method.name === name)!;

const standardise: Transform = { kind: "standardise" };
/** Factors of the scales. */
export const factors = [1, 8, 32] as const;
/** Strengths of the impulses, in standard deviations of a feature. */
export const strengths = [0, 2, 4, 8] as const;
/** Names the noise of the synthetic data: the same in every run. */
const DATA_SEED = 1;

const scale: Probe = {
  part: "scale",
  title: "The scale of the features",
  conditions: (["raw", "standardised"] as const).flatMap((kind) =>
    factors.map((factor) => ({
      name: `${kind}-x${factor}`,
      title: `${kind} × ${factor}`,
      input: [...(kind === "standardised" ? [standardise] : []), { kind: "scale" as const, factor }],
    })),
  ),
  rows: [
    row("no-attention"),
    row("daam-v1"),
    {
      name: "frozen",
      title: "DAAMv1, frozen at its start",
      stages: (size) => [{ kind: "density", heads: densityHeads(size), train: [] }],
    },
    {
      name: "constant",
      title: "Constant, the mean weight of DAAMv1",
      stages: () => [{ kind: "multiply", factor: 1 }],
      after: {
        row: "daam-v1",
        // rounded, so that a machine that computes a little otherwise plans the same cell
        stages: ({ measured }) => [
          { kind: "multiply", factor: Math.round(1e3 * measured!.after.weight!) / 1e3 },
        ],
      },
    },
    row("mha"),
    row("mha-layers"),
  ],
};

const control: Probe = {
  part: "control",
  title: "A positive control",
  conditions: [
    ...strengths.map((strength) => ({
      name: `impulses-${strength}`,
      title: strength === 0 ? "no impulses" : `impulses of ${strength}`,
      input: [standardise, ...(strength ? [{ kind: "impulses" as const, strength, seed: DATA_SEED }] : [])],
    })),
    {
      name: "decoys",
      title: "decoys",
      input: [standardise, { kind: "decoys", mark: 4, seed: DATA_SEED }],
    },
  ],
  rows: ["no-attention", "daam-v1", "mixture", "softmax-weights", "mha-layers"].map(row),
};

export const probes: Record<ProbePart, Probe> = { scale, control };

/** The name of a cell of a part: `vision/mha/raw-x8/rate-1e-3/run-1`. */
export const probeName = (task: string, method: string, condition: string, rate: number, run: number) =>
  cellName(task, `${method}/${condition}`, run, rate);

/**
 * The cells of a task that are trained on changed hidden states.
 * @param configOf what does not depend on condition and rate
 */
export function probeCells(
  preset: Preset,
  size: Size,
  finished: (name: string, config: CellConfig) => CellResult | undefined,
  configOf: (
    method: Pick<Method, "name">,
    run: number,
    stages: Stage[],
    budget: ItemBudget,
  ) => Omit<CellConfig, "learningRate">,
): Cell[] {
  return Object.values(probes).flatMap((probe) => {
    const budget = preset.probes?.[probe.part];
    if (!budget?.tasks[size.task]) return [];
    return points(probe, budget, size.task).flatMap(({ condition, rate, run }) => {
      const cells = new Map<string, Cell>();
      for (const { name: method, stages, after } of probe.rows) {
        const config = (stages: Stage[]): CellConfig => ({
          ...configOf({ name: method }, run, stages, budget.tasks[size.task]!),
          hidden: budget.hidden,
          learningRate: rate,
          input: condition.input,
        });
        const name = probeName(size.task, method, condition.name, rate, run);
        const cell: Cell = { name, task: size.task, method, run, part: probe.part, needs: [] };
        if (!after) cell.config = config(stages(size));
        else {
          const source = cells.get(after.row)!;
          const result = finished(source.name, source.config!);
          cell.needs.push(source.name);
          if (result) cell.config = config(after.stages(result));
        }
        cells.set(method, cell);
      }
      return [...cells.values()];
    });
  });
}

/** Every condition, rate and run of a part on a task. */
function points({ conditions }: Probe, { rates, tasks }: ProbeBudget, task: string) {
  const runs = Array.from({ length: tasks[task]!.runs }, (_, i) => i + 1);
  return runs.flatMap((run) =>
    conditions.flatMap((condition) => rates.map((rate) => ({ condition, rate, run }))),
  );
}

/** Cells of a part that a store holds, whatever their configuration. */
export function recordedProbes({ probes: budgets }: Preset, part: ProbePart, store: Cells): CellResult[] {
  const budget = budgets?.[part];
  const { rows } = probes[part];
  return Object.keys(budget?.tasks ?? {}).flatMap((task) =>
    points(probes[part], budget!, task).flatMap(({ condition, rate, run }) =>
      rows.flatMap(({ name }) => store.read(probeName(task, name, condition.name, rate, run)) ?? []),
    ),
  );
}
