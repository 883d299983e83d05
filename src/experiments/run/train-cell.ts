/** The trainer of the worker processes: one cell on the backend that the chooser takes. */
import { createRequire } from "node:module";
import { chooseBackend } from "../../backend/choose.js";
import type { ShiftedItems, TaskData } from "../../features/select.js";
import { OutOfMemory } from "../../errors.js";
import { countParameters } from "../../models/model.js";
import type { Checkpoint } from "../../training/checkpoint.js";
import { planPart } from "../../training/memory.js";
import { confusionMatrix, scores } from "../../training/metrics.js";
import { train } from "../../training/train.js";
import { encodeMap } from "../outcome/maps.js";
import { base64, encodeClasses, outcomeOf } from "../outcome/outcome.js";
import type { Trained, Trainer } from "./pool.js";
import type { CellConfig, EpochRecord, ShiftedTests } from "../types.js";

export { fineTuneCell } from "./fine-tune-cell.js";

let prepared: ReturnType<Trainer["prepare"]> | undefined;

/** Starts the backend in this process, once. */
export function prepare(threads: number): ReturnType<Trainer["prepare"]> {
  prepared ??= start(threads);
  return prepared;
}

async function start(threads: number) {
  const { name, line } = await chooseBackend(undefined, { threads });
  const version = (path: string) => (createRequire(import.meta.url)(path) as { version: string }).version;
  const versions = {
    node: process.versions.node,
    tfjs: version("@tensorflow/tfjs/package.json"),
    "density-adaptive-attention": version("../../../package.json"),
  };
  return { name, line, versions };
}

/** @throws OutOfMemory naming the cell, where the backend's memory does not hold a step of it. */
export const refuse: Trainer["refuse"] = (name, config, size) => {
  try {
    planPart({ ...withDecoder(config), ...size });
  } catch (error) {
    throw error instanceof OutOfMemory ? new OutOfMemory(`${name}: ${error.message}`) : error;
  }
};

/**
 * Trains and tests the decoder of a cell.
 * @param data hidden states float32 [n, layers, features] with labels int32 [n], training and test items.
 */
export async function trainCell(
  config: CellConfig,
  data: TaskData,
  onEpoch: (record: EpochRecord) => void,
  checkpoint?: Checkpoint,
): Promise<Trained> {
  const { layers, features, classes } = data;
  const options = { ...withDecoder(config), measured: config.input !== undefined };
  const { attention, learned, shifted, measured, ...trained } = await train(
    data,
    options,
    onEpoch,
    checkpoint,
  );
  return {
    ...outcomeOf(trained, data.test.labels, classes),
    ...(learned && { learned }),
    ...(measured && { measured }),
    ...(attention && {
      attention: { ...attention, test: encodeMap(attention.test), train: encodeMap(attention.train) },
    }),
    ...(data.shifted && { shifted: shiftedTests(data.shifted, shifted, classes) }),
    parameters: countParameters({ ...withDecoder(config), layers, features, classes }),
  };
}

/** A configuration of a cell that trains a decoder, as all do that do not fine-tune. */
const withDecoder = (config: CellConfig) => ({ ...config, hidden: config.hidden! });

function shiftedTests(
  { labels, groups }: ShiftedItems,
  predictions: Record<string, Int32Array>,
  classes: number,
): ShiftedTests {
  const sets = Object.entries(predictions).map(([name, predicted]) => {
    const { accuracy } = scores(confusionMatrix(labels, predicted, classes));
    return [name, { accuracy, predictions: encodeClasses(predicted, classes) }] as const;
  });
  return {
    labels: encodeClasses(labels, classes),
    ...(groups && { groups: base64(Uint16Array.from(groups)) }),
    sets: Object.fromEntries(sets),
  };
}
