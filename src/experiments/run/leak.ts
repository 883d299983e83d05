/** The batch leak of decoders that are trained for a moment. */
import * as tf from "@tensorflow/tfjs";
import { loadFeatures } from "../../features/load.js";
import { selectItems } from "../../features/select.js";
import { type BatchLeak, batchLeak } from "../../models/batch-leak.js";
import { Model } from "../../models/model.js";
import { permutation, randomStream } from "../../random.js";
import { AdamW } from "../../training/adamw.js";
import { batches } from "../../training/epochs.js";
import { trainStep } from "../../training/train.js";
import type { TaskRun } from "./open-run.js";
import { weightDecay } from "../plan/presets.js";

/** Enough for predictions that differ from item to item, in seconds. */
const FEW = { trainItems: 600, testItems: 64 };
const EPOCHS = 4;

/**
 * Trains rows on a few items of a task's first run, with few channels, and shows each one test item in many batches of test items.
 * @param names rows of the table.
 */
export async function leaksOf(
  { task, budget, features: { path }, methods }: TaskRun,
  names: readonly string[],
): Promise<{ title: string; leak: BatchLeak }[]> {
  // loading it registers backends, which importers of the library may not want
  const { chooseBackend } = await import("../../backend/choose.js");
  await chooseBackend();
  const data = selectItems(loadFeatures(path, task.classes.length), { ...FEW, run: 1, split: task.split });
  const { layers, features, classes } = data;
  const options = { ...task, ...budget, weightDecay, hidden: 16, seed: 1 };
  const x = tf.tensor3d(data.test.read(data.test.indices.map((_, i) => i)), [
    data.test.labels.length,
    layers,
    features,
  ]);
  const found: { title: string; leak: BatchLeak }[] = [];
  for (const { title, stages } of methods.filter(({ name }) => names.includes(name))) {
    const model = new Model({
      ...options,
      layers,
      features,
      classes,
      stages: stages({ layers, features, task: task.name }),
    });
    const optimiser = new AdamW(model.trainable, options);
    const order = randomStream(options.seed, "order");
    for (let epoch = 0; epoch < EPOCHS; epoch++)
      for (const items of batches(permutation(data.train.labels.length, order), options.batch))
        tf.dispose({
          ...(await trainStep(model, model.trainable, optimiser, data, options, options.learningRate, items)),
        });
    found.push({ title, leak: await batchLeak((batch) => model.forward(batch), x) });
    model.dispose();
    optimiser.dispose();
  }
  x.dispose();
  return found;
}
