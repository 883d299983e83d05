import { confusionMatrix } from "../../training/metrics.js";
import type { Learned } from "../../training/epochs.js";
import type { Trained } from "../run/pool.js";

/** Beyond so many classes the confusion matrix is left to the predictions. */
const classesOfMatrix = 20;

/** A training's curve and predictions as a cell's JSON has them. */
export function outcomeOf(
  { curve, best, last, predictions }: Learned,
  testLabels: Int32Array,
  classes: number,
): Pick<Trained, "curve" | "best" | "last" | "predictions" | "confusion"> {
  return {
    curve,
    best,
    last,
    predictions: {
      best: encodeClasses(predictions.best, classes),
      last: encodeClasses(predictions.last, classes),
    },
    ...(classes <= classesOfMatrix && {
      confusion: confusionMatrix(testLabels, predictions.last, classes),
    }),
  };
}

/** Classes as a cell's JSON has them: a byte each, or two beyond 256 classes. */
export const encodeClasses = (values: Int32Array, classes: number): string =>
  base64(classes > 256 ? Uint16Array.from(values) : Uint8Array.from(values));

/** What {@link encodeClasses} wrote, back to numbers. */
export const decodeClasses = (text: string, classes: number): number[] =>
  classes > 256 ? uint16Of(text) : [...Buffer.from(text, "base64")];

/** Numbers of two bytes each, little-endian. */
export function uint16Of(text: string): number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
}

export const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");
