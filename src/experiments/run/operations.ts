/** How many multiplications and additions cells take, by the shapes of their products; what is done number by number is not counted. */
import { buildStages, learns, outputSize } from "../../models/model.js";
import type { CellSize } from "./estimate.js";
import type { CellConfig } from "../types.js";

/** Of a cell: its epochs of training items forward and backward, and of test items forward. @param encoder operations of an item in it */
export function cellOperations(
  config: CellConfig,
  { classes, ...size }: CellSize & { classes: number },
  encoder: number,
): number {
  const { epochs, fineTuning } = config;
  const { trainItems, testItems } = size;
  if (fineTuning) {
    // frozen weights have no gradient: backward is once the way of the hidden states; where nothing acts, they stay as they are
    const passes = fineTuning.acts ? epochs * (2 * trainItems + testItems) : trainItems + testItems;
    return passes * encoder;
  }
  const { forward, backward } = decoderOperations(config, size, classes);
  return epochs * (trainItems * (forward + backward) + testItems * forward);
}

/** Of one item in stages and decoder. */
export function decoderOperations(
  { stages, hidden, batch }: Pick<CellConfig, "stages" | "hidden" | "batch">,
  size: Pick<CellSize, "layers" | "features">,
  classes: number,
): { forward: number; backward: number } {
  let [forward, backward, slope] = [0, 0, false];
  const modules = buildStages(stages, size);
  for (const [i, module] of modules.entries()) {
    const { layers, features } = outputSize(modules.slice(0, i), size);
    const matrices = Object.entries(module.parameters).filter(([name]) =>
      name.toLowerCase().endsWith("kernel"),
    );
    const linear =
      2 * layers * matrices.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
    const stage = stages[i]!;
    const attends = stage.kind === "dot-product" || stage.kind === "grouped-query";
    const among = stage.kind === "dot-product" && stage.over === "batch" ? batch : layers;
    const attention = attends ? 4 * layers * among * features : 0;
    forward += linear + attention;
    // gradients of the weights, and of what lies below where that is trained
    backward += linear + 2 * attention + (slope ? linear : 0);
    slope ||= learns(module);
  }
  const { layers, features } = outputSize(modules, size);
  const convolution = 2 * 9 * layers * hidden! * features;
  const last = 2 * layers * features * classes;
  return {
    forward: forward + 2 * convolution + last,
    backward: backward + 3 * convolution + 2 * last + (slope ? convolution : 0),
  };
}
