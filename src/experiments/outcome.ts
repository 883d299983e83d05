import { confusionMatrix } from "../training/metrics.js";
import type { Learned } from "../training/epochs.js";
import type { Trained } from "./pool.js";

/** Beyond so many classes the confusion matrix is left to the predictions. */
const classesOfMatrix = 20;

/** A training's curve and predictions as a cell's JSON has them. */
export function outcomeOf(
  { curve, best, last, predictions }: Learned,
  testLabels: Int32Array,
  classes: number,
): Pick<Trained, "curve" | "best" | "last" | "predictions" | "confusion"> {
  const bytes = (values: Int32Array) =>
    classes > 256 ? base64(Uint16Array.from(values)) : base64(Uint8Array.from(values));
  return {
    curve,
    best,
    last,
    predictions: { best: bytes(predictions.best), last: bytes(predictions.last) },
    ...(classes <= classesOfMatrix && {
      confusion: confusionMatrix(testLabels, predictions.last, classes),
    }),
  };
}

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint16Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");
