/** What is trained, and where its training stands. */
import type * as tf from "@tensorflow/tfjs";
import type { AdamW } from "./adamw.js";
import type { PlateauSchedule } from "./schedule.js";

/** One epoch: losses are means over items, scores are of the test items, in 0–1. */
export interface EpochRecord {
  epoch: number;
  learningRate: number;
  trainLoss: number;
  testLoss: number;
  accuracy: number;
  macroF1: number;
  unweightedRecall: number;
}

/** What a batch left on the device, which whoever reads it frees. */
export interface Left {
  /** One for each part of the batch that was gone through at once, weighted by its items: they add up to the batch's mean. */
  losses: tf.Scalar[];
  /** Predicted classes of a test batch, int32, part by part. */
  classes?: tf.Tensor1D[];
}

/**
 * What is trained batch by batch; items are positions among the training or test items. Its results stay on the device, so that the next
 * batch is sent while the last one runs.
 */
export interface Learner {
  /** What its steps change, by name. */
  readonly variables: Record<string, tf.Variable>;
  readonly optimisers: readonly AdamW[];
  /** One step; leaves the losses before it. */
  step(items: Int32Array, learningRate: number): Promise<Left>;
  /** Leaves predicted classes of a batch of test items, and its losses. */
  test(items: Int32Array): Promise<Left>;
  /** Makes again what a step or a test on these items leaves in memory beside the variables. */
  revisit?(of: "train" | "test", items: Int32Array): void;
}

/** Where a test stands between two batches. */
export interface Tested {
  batches: number;
  /** Sum over their items. */
  loss: number;
  /** Classes of all test items, in file order. */
  predictions: Int32Array;
}

/** Where a training stands between two batches; random numbers are drawn again from its seed. */
export interface Stand {
  /** 1-based; one beyond the last when all are through. */
  epoch: number;
  /** Batches of this epoch that were trained on, and the sum of the losses over their items. */
  trained: number;
  trainLoss: number;
  /** Of this epoch, or between two epochs of the one before. */
  tested: Tested;
  curve: EpochRecord[];
  best?: { record: EpochRecord; predictions: Int32Array };
  schedule: PlateauSchedule["state"];
}
