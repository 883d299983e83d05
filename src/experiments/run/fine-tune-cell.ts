import * as tf from "@tensorflow/tfjs";
import { countFineTuning, fineTuningParameters } from "../../adapters/fine-tuning.js";
import { saveAdapter } from "../../adapters/peft.js";
import { openEncoder } from "../../encoders/encoder.js";
import { OutOfMemory } from "../../errors.js";
import { encoderBytes } from "../../features/extraction.js";
import { preparation } from "../../features/inputs.js";
import type { Checkpoint } from "../../training/checkpoint.js";
import { fineTune, type RawExamples } from "../../training/fine-tune.js";
import { sealFolder } from "../outcome/adapters.js";
import { outcomeOf } from "../outcome/outcome.js";
import type { Trained } from "./pool.js";
import type { RawTaskData } from "./raw-data.js";
import type { CellConfig, EpochRecord } from "../types.js";

/** Weights on disk that WebAssembly's 4 GB hold beside what a step keeps, in float32. */
const WASM_BYTES = 2 ** 30 * 1.5;

/**
 * Trains and tests the low-rank update and the head of a cell; saves the update where it acts.
 * @throws OutOfMemory for an encoder that the backend's memory does not hold: fine-tuning keeps all of it there
 */
export async function fineTuneCell(
  { fineTuning: tuning, ...config }: CellConfig,
  { settings, classes, inputs, labels }: RawTaskData,
  onEpoch: (record: EpochRecord) => void,
  adapterFolder: string,
  checkpoint?: Checkpoint,
): Promise<Trained> {
  const fineTuning = tuning!;
  if (tf.getBackend() === "wasm" && encoderBytes(settings.encoder) > WASM_BYTES)
    throw new OutOfMemory(
      `fine-tuning keeps ${settings.encoder} in memory, more than WebAssembly's 4 GB: set DAAM_BACKEND=tensorflow, or leave LORA=1 out`,
    );
  const encoder = await openEncoder(settings.encoder, { resident: true });
  try {
    const prepare = preparation(encoder, settings);
    const examples = (labels: Int32Array, from: number): RawExamples => ({
      read: (items) => prepare(Array.from(items, (item) => inputs[from + item]!)),
      labels,
    });
    const data = {
      classes,
      train: examples(labels.train, 0),
      test: examples(labels.test, labels.train.length),
    };
    const learned = await fineTune(
      encoder,
      data,
      { ...config, fineTuning },
      {
        onEpoch,
        checkpoint,
        finished: async (adapter) => {
          if (!fineTuning.acts) return;
          await saveAdapter(adapterFolder, adapter, encoder);
          sealFolder(adapterFolder);
        },
      },
    );
    return {
      ...outcomeOf(learned, labels.test, classes),
      parameters: countFineTuning(
        fineTuningParameters(fineTuning, encoder, classes),
        encoder.architecture.classifier,
      ),
    };
  } finally {
    encoder.dispose();
  }
}
