/** The trainer of the worker processes: one cell on the backend that the chooser takes. */
import { createRequire } from "node:module";
import { chooseBackend } from "../backend/choose.js";
import type { TaskData } from "../features/select.js";
import { countParameters } from "../models/model.js";
import { confusionMatrix } from "../training/metrics.js";
import { train } from "../training/train.js";
import { encodeMap } from "./maps.js";
import type { Trained, Trainer } from "./pool.js";
import type { CellConfig, EpochRecord } from "./types.js";

/** Beyond so many classes the confusion matrix is left to the predictions. */
const classesOfMatrix = 20;

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
    "density-adaptive-attention": version("../../package.json"),
  };
  return { name, line, versions };
}

/**
 * Trains and tests the decoder of a cell.
 * @param data hidden states float32 [n, layers, features] with labels int32 [n], training and test items.
 */
export async function trainCell(
  config: CellConfig,
  data: TaskData,
  onEpoch: (record: EpochRecord) => void,
): Promise<Trained> {
  const { layers, features, classes } = data;
  const { curve, best, last, predictions, attention, learned } = await train(data, config, onEpoch);
  const bytes = (values: Int32Array) =>
    classes > 256 ? base64(Uint16Array.from(values)) : base64(Uint8Array.from(values));
  return {
    curve,
    best,
    last,
    predictions: { best: bytes(predictions.best), last: bytes(predictions.last) },
    ...(classes <= classesOfMatrix && {
      confusion: confusionMatrix(data.test.labels, predictions.last, classes),
    }),
    ...(learned && { learned }),
    ...(attention && {
      attention: { ...attention, test: encodeMap(attention.test), train: encodeMap(attention.train) },
    }),
    parameters: countParameters({ ...config, layers, features, classes }),
  };
}

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint16Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");
