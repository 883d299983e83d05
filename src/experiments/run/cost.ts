/** What presets take: cells, operations and hours, without any data. */
import { basename, join } from "node:path";
import { Config } from "../../encoders/config.js";
import { architectures } from "../../encoders/registry.js";
import type { Blueprint } from "../../encoders/architecture.js";
import { repository } from "../../folders.js";
import { itemOperations } from "../../features/cost.js";
import { CLIP_SAMPLES, type ExtractionSettings } from "../../features/extraction.js";
import { publishedModels } from "../../synthetic/models.js";
import { planCells } from "../plan/cells.js";
import { findPreset, presetAt, presets } from "../plan/presets.js";
import { shiftedExtractions } from "../plan/robustness.js";
import type { FeatureInfo } from "../plan/task-plan.js";
import { findTask } from "../plan/tasks.js";
import { rawSettings, type CellConfig, type Preset } from "../types.js";
import { modelSeconds } from "./estimate.js";
import { cellOperations } from "./operations.js";

/** Items of the whole data sets, as published; of RAVDESS the speech of the four emotions, of IEMOCAP those of the paper. */
const ITEMS: Record<string, { train: number; test: number } | { folds: number }> = {
  ravdess: { folds: 672 },
  iemocap: { folds: 5531 },
  "ag-news": { train: 120_000, test: 7600 },
  "cifar-100": { train: 50_000, test: 10_000 },
};
const FOLDS = 5;
/** Tokens of a news text, about. */
const TOKENS = 64;

/** Operations a second of one core in encoders on wasm: measured (README: what the parts of `base` take). */
const CORE = 22e9;
/** Assumed of one GPU: operations a second in float32, and seconds a step outside of products. */
export const GPU = { operations: 10e12, step: 0.004 };
/** Of the cluster: nodes of two cores. */
export const NODES = 16;

export interface PresetCost {
  preset: string;
  cells: number;
  operations: { extraction: number; training: number };
  hours: { twoCores: number; gpu: number; cluster: number };
}

/** Whole of a preset, all of its parts; choices of rates as if no grid grew. */
export function presetCost(preset: Preset): PresetCost {
  const tasks = Object.keys(preset.tasks).map((task) => taskCost(preset, task));
  const sum = (of: (cost: Cost) => number) => tasks.flat().reduce((sum, cost) => sum + of(cost), 0);
  const trainings = tasks.flat().filter(({ kind }) => kind === "cell");
  const extraction = sum(({ kind, operations }) => (kind === "extraction" ? operations : 0));
  const core = sum(({ seconds }) => seconds);
  const longest = (kind: Cost["kind"]) =>
    Math.max(0, ...tasks.flat().flatMap((cost) => (cost.kind === kind ? cost.seconds : [])));
  const trained = trainings.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    preset: preset.name,
    cells: trainings.length,
    operations: { extraction, training: sum(({ operations }) => operations) - extraction },
    hours: {
      twoCores: core / 2 / 3600,
      gpu: sum(({ operations, steps }) => operations / GPU.operations + steps * GPU.step) / 3600,
      // an extraction is one job of a node; cells follow it, each on a core
      cluster: (longest("extraction") / 2 + Math.max(longest("cell"), trained / (2 * NODES))) / 3600,
    },
  };
}

interface Cost {
  kind: "extraction" | "cell";
  operations: number;
  /** Of one core. */
  seconds: number;
  steps: number;
}

function taskCost(preset: Preset, task: string): Cost[] {
  const budget = preset.tasks[task]!;
  // what shipped hidden states were made from stands with the rows that fine-tune
  const settings = rawSettings(budget) ?? rawSettings(findPreset(preset.name).tasks[task]!)!;
  const blueprint = blueprintOf(settings.encoder);
  const encoder = itemOperations(blueprint, shapeOfItem(settings));
  const shifts = shiftedExtractions(preset, task);
  const shifted = Object.keys(shifts).map((name) => [name, join(name, "features.safetensors")]);
  const { layers, features } = blueprint;
  const info: FeatureInfo = { layers, features, id: task, shifted: Object.fromEntries(shifted) };
  const planned = planCells(preset, { [task]: info }, () => undefined);
  const cells = planned.map(({ config, needs, part }): Cost => {
    // a cell that waits for others costs about what they do
    const known = config ?? planned.find(({ name }) => name === needs[0])!.config!;
    const whole: CellConfig = { ...known, ...(!config && { holdout: undefined }) };
    const size = { layers, features, classes: findTask(task).classes.length, ...sizeOf(whole, settings) };
    const tests = part === "robustness" ? Object.keys(shifts).length * testItems(settings, shifts) : 0;
    const steps = whole.epochs * Math.ceil(size.trainItems / whole.batch);
    return {
      kind: "cell",
      operations:
        cellOperations(whole, size, encoder) +
        tests * cellOperations(once(whole), { ...size, trainItems: 0, testItems: 1 }, encoder),
      seconds: modelSeconds(whole, size),
      steps,
    };
  });
  if (!budget.extraction) return cells;
  const extractions = [settings, ...Object.values(shifts)].map((settings): Cost => {
    const { train, test } = itemsOf(settings);
    const operations = (train + test) * encoder;
    return { kind: "extraction", operations, seconds: operations / CORE, steps: (train + test) / 16 };
  });
  return [...extractions, ...cells];
}

const once = (config: CellConfig): CellConfig => ({ ...config, epochs: 1 });

const testItems = (settings: ExtractionSettings, shifts: Record<string, ExtractionSettings>) =>
  itemsOf(Object.values(shifts)[0] ?? settings).test;

/** Items of an extraction; folds test on one part of all. */
function itemsOf({ dataset, perClass, limit }: ExtractionSettings): { train: number; test: number } {
  const all = ITEMS[dataset]!;
  if ("folds" in all) {
    const fold = Math.min(all.folds / FOLDS, limit ?? Infinity);
    return { train: Math.round((FOLDS - 1) * fold), test: Math.round(fold) };
  }
  const classes = dataset === "cifar-100" ? 100 : 4;
  const count = (split: "train" | "test") =>
    Math.min(all[split], (perClass?.[split] ?? Infinity) * classes, limit ?? Infinity);
  return { train: count("train"), test: count("test") };
}

/** Items that a cell trains and tests on. */
function sizeOf({ trainItems, testItems, holdout }: CellConfig, settings: ExtractionSettings) {
  let { train, test } = itemsOf(settings);
  if (holdout) {
    const held = "folds" in ITEMS[settings.dataset]! ? train / (FOLDS - 1) : train / 5;
    [train, test] = [train - held, held];
  }
  return {
    trainItems: Math.round(Math.min(train, trainItems ?? Infinity)),
    testItems: Math.round(Math.min(test, testItems ?? Infinity)),
  };
}

/** Values of one item: a clip of five seconds, a text, an image. */
function shapeOfItem({ dataset, encoder }: ExtractionSettings): number[] {
  if (dataset === "ag-news") return [TOKENS];
  if (dataset !== "cifar-100") return [CLIP_SAMPLES];
  const size = configOf(encoder).fields["image_size"] as number;
  return [3, size, size];
}

/** The config.json of a shipped encoder, or of a published one. */
function configOf(encoder: string): Config {
  const published = publishedModels[basename(encoder)];
  if (published) return new Config("config.json", published.config);
  return Config.read(join(repository, "data", "encoders", basename(encoder)), "config.json");
}

function blueprintOf(encoder: string): Blueprint {
  const config = configOf(encoder);
  return architectures[String(config.fields["model_type"])]!.blueprint(config);
}

/** The page of all presets, in Markdown; those that fine-tune on request stand there without and with it. */
export function costPage(): string {
  const rows = presets
    .flatMap(({ name, fineTunesOnRequest }) =>
      (fineTunesOnRequest ? [false, true] : [undefined]).map((lora) => ({
        ...presetCost(presetAt(name, lora)),
        lora,
      })),
    )
    .map(({ preset, lora, cells, operations, hours }) =>
      [
        `\`${preset}\`${lora ? " with `LORA=1`" : ""}`,
        String(cells),
        power(operations.extraction),
        power(operations.training),
        time(hours.twoCores),
        time(hours.gpu),
        time(hours.cluster),
      ].join(" | "),
    );
  return `# What the presets cost

Made by \`npx daam cost > docs/cost.md\` from the plan; a test compares.

| preset | cells | operations: extraction | training | two cores | one GPU (assumed) | ${NODES} nodes of two cores |
|---|---:|---:|---:|---:|---:|---:|
${rows.map((row) => `| ${row} |`).join("\n")}

Cells are all rows of the preset: trainings by which rates are chosen, ablations, LoRA in \`small\`, and what is planned by its name
alone: tests on shifted inputs, several scales of the features, a positive control (\`--part robustness\`, \`scale\`, \`control\`).
Grids of rates count as they begin.

Operations are multiplications and additions of matrix products and convolutions, counted from shapes: forward, and backward where something is trained
below; those number by number (ReLU, softmax, densities, AdamW) are not counted. An item is a clip of five seconds, a text of ${TOKENS} tokens (assumed)
or an image; whole data sets are RAVDESS (672 clips), IEMOCAP (5,531), AG News and CIFAR-100. LoRA's layers that are computed again are not counted.

Hours on two cores are measured rates of WebAssembly: of cells, those that \`daam cells\` and \`daam submit\` estimate by (src/experiments/run/estimate.ts: 30
billion operations a second and core in convolutions, 2.5 ms a step outside of products, more for attention); of extraction, ${CORE / 1e9} billion a second and
core. At the size of \`paper\` they are extrapolated. The GPU is **assumed**, not measured: ${GPU.operations / 1e12} trillion operations a second in float32, ${1000 * GPU.step} ms a step
outside of products, one cell at a time. On the cluster hidden states come first, each file on one node, then cells side by side: no less than the longest
cell takes.
`;
}

/** "3.1 × 10^15", or nothing. */
function power(value: number): string {
  if (value === 0) return "–";
  const exponent = Math.floor(Math.log10(value));
  return `${(value / 10 ** exponent).toFixed(1)}e${exponent}`;
}

/** Minutes below two hours, days beyond four. */
function time(hours: number): string {
  if (hours < 2) return `${Math.max(1, Math.round(60 * hours))} min`;
  if (hours < 96) return `${hours.toFixed(hours < 10 ? 1 : 0)} h`;
  return `${Math.round(hours / 24).toLocaleString("en-GB")} days`;
}
