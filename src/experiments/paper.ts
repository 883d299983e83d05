/**
 * The paper's own figures (arXiv 2401.11143 v4, tables of section "Results" and appendix), as data: accuracies in %.
 * Means are printed figures, which the cells of some rows contradict (report/tables/rows.ts).
 */

/** One row of one of the paper's three tables. */
export interface PrintedRow {
  /** As printed; `Method.paperRow` names a row by it. */
  title: string;
  /** Accuracy of every fold or run, as printed. */
  runs: number[];
  printed: { mean: number; sd: number };
}

export type PaperTaskName = "speech" | "text" | "vision";

const row = (title: string, runs: number[], mean: number, sd: number): PrintedRow => ({
  title,
  runs,
  printed: { mean, sd },
});

/** The paper's tables by task, each in the printed order. */
const paperTables: Record<PaperTaskName, PrintedRow[]> = {
  speech: [
    row("LoRA+ (r=4)", [27.6, 25.7, 31.7, 25.1, 16.8], 25.4, 4.87),
    row("LoRA+ (r=8)", [27.6, 28.3, 20.5, 20.6, 24.6], 24.3, 3.32),
    row("LoRA (r=4)", [49.9, 51.5, 58.2, 52.6, 52.7], 53.0, 2.79),
    row("LoRA (r=8)", [49.4, 51.8, 61.5, 48.7, 55.1], 53.3, 4.66),
    row("MHA", [62.7, 59.9, 61.7, 61.3, 65.7], 62.3, 2.0),
    row("MHA → BN", [62.7, 59.9, 62.9, 64.8, 66.6], 63.4, 2.5),
    row("DAAMv2", [66.1, 60.0, 66.3, 65.2, 65.4], 64.6, 2.47),
    row("GQDAAM", [66.5, 65.4, 68.7, 65.9, 66.8], 66.7, 1.18),
    row("DAAMv1", [67.2, 64.6, 68.1, 67.9, 69.0], 67.4, 1.49),
    row("Mixture of DAAM", [67.8, 69.5, 65.1, 68.7, 67.8], 67.9, 1.35),
  ],
  vision: [
    row("LoRA+ (r=4)", [20.2, 21.1, 26.8, 17.9, 24.5], 22.1, 3.17),
    row("LoRA+ (r=8)", [25.0, 32.9, 22.9, 29.1, 27.5], 27.5, 3.44),
    row("LoRA (r=4)", [35.7, 32.3, 31.5, 36.2, 40.1], 35.2, 3.08),
    row("LoRA (r=8)", [38.1, 40.0, 42.3, 41.6, 39.6], 40.3, 1.49),
    row("MHA", [60.4, 61.9, 62.1, 62.0, 62.1], 61.7, 0.75),
    row("MHA → BN", [63.0, 67.1, 69.5, 63.9, 67.0], 66.1, 2.25),
    row("GQDAAM", [80.0, 80.1, 80.1, 80.6, 80.0], 80.1, 0.24),
    row("DAAMv1", [79.9, 80.2, 80.2, 80.7, 80.7], 80.3, 0.32),
    row("Mixture of DAAM", [80.6, 79.7, 80.5, 80.3, 80.3], 80.3, 0.3),
    row("DAAMv2", [80.2, 80.4, 81.0, 80.3, 81.0], 80.6, 0.36),
  ],
  text: [
    row("LoRA+ (r=4)", [93.4, 65.9, 92.8], 84.0, 12.8),
    row("LoRA+ (r=8)", [95.0, 69.8, 94.6], 86.5, 11.8),
    row("DAAMv2", [94.4, 94.5, 94.6], 94.5, 0.08),
    row("MHA → BN", [94.5, 94.5, 94.7], 94.6, 0.11),
    row("MHA", [94.4, 94.5, 94.8], 94.6, 0.16),
    row("DAAMv1", [94.5, 94.5, 94.7], 94.6, 0.11),
    row("Mixture of DAAM", [94.5, 94.6, 94.6], 94.6, 0.05),
    row("LoRA (r=8)", [94.9, 94.6, 94.9], 94.8, 0.14),
    row("GQDAAM", [94.8, 94.9, 94.9], 94.9, 0.06),
    row("LoRA (r=4)", [95.1, 94.5, 95.3], 95.0, 0.3),
  ],
};

/** The paper's rows of a task; empty for a task that the paper does not have. */
export function printedRows(task: string): PrintedRow[] {
  return Object.hasOwn(paperTables, task) ? paperTables[task as PaperTaskName] : [];
}

/** Learned parameters of the best model with 8 heads, [min, max]. */
export const paperLearned: Record<
  PaperTaskName,
  { meanOffset: [number, number]; scaledVariance: [number, number] }
> = {
  speech: { meanOffset: [-0.06, 0.1], scaledVariance: [1.88, 2.06] },
  text: { meanOffset: [-0.05, 0.07], scaledVariance: [1.94, 2.02] },
  vision: { meanOffset: [-0.02, 0.02], scaledVariance: [1.98, 2.03] },
};

/** Decoders retrained on the layers of high and of low importance factor alone. */
export const paperHighLow: Record<PaperTaskName, Record<"high" | "low", { layers: string; mean: number }>> = {
  speech: { high: { layers: "9", mean: 64.0 }, low: { layers: "23", mean: 62.3 } },
  text: { high: { layers: "19–21", mean: 94.9 }, low: { layers: "37–39", mean: 94.7 } },
  vision: { high: { layers: "10–12", mean: 72.6 }, low: { layers: "22–24", mean: 64.7 } },
};

/**
 * Trainable parameters counted from the shapes at 512 channels, without the last linear layer; for speech and vision
 * (24 layers × 1024 features) and for text (40 × 5120). Keys are methods' names.
 */
export const paperParameters: Record<string, { "24x1024": number; "40x5120": number }> = {
  "no-attention": { "24x1024": 221_720, "40x5120": 369_192 },
  "softmax-weights": { "24x1024": 221_744, "40x5120": 369_232 },
  mixture: { "24x1024": 221_784, "40x5120": 369_256 },
  "daam-v2": { "24x1024": 223_768, "40x5120": 379_432 },
  "daam-v1": { "24x1024": 238_104, "40x5120": 451_112 },
  gqa: { "24x1024": 1_206_808, "40x5120": 3_451_432 },
  gqdaam: { "24x1024": 1_223_192, "40x5120": 3_533_352 },
  mha: { "24x1024": 4_420_120, "40x5120": 105_247_272 },
  "mha-bn": { "24x1024": 4_420_168, "40x5120": 105_247_352 },
  "lora-4": { "24x1024": 393_216, "40x5120": 3_276_800 },
  "lora-8": { "24x1024": 786_432, "40x5120": 6_553_600 },
};
