import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../backend/choose.js";
import { datasetNamed } from "../datasets/index.js";
import type { Architecture } from "../encoders/architecture.js";
import type { Encoder } from "../encoders/encoder.js";
import { UserError } from "../errors.js";
import { findPreset } from "../experiments/plan/presets.js";
import { extractionCost } from "../features/cost.js";
import { CLIP_SAMPLES } from "../features/extraction.js";
import { preparation } from "../features/inputs.js";

/** The item for which costs are told, and the shape of its values. */
const ITEMS: Record<Architecture["modality"], { name: string; shape: number[] }> = {
  audio: { name: "a clip of 5 s", shape: [CLIP_SAMPLES] },
  text: { name: "a text of 64 tokens", shape: [64] },
  image: { name: "an image", shape: [] },
};

/** Time of an item over that of its products of matrices at the rate of a large one, as measured on the published shapes. */
const OVERHEAD = 1.1;

/** What an extraction needs to know of an encoder first: which task it serves, what is missing for that, memory and time here. */
export async function inspectExtraction(encoder: Encoder): Promise<string[]> {
  const { name, shape } = ITEMS[encoder.modality];
  const { bytes, operations, resident } = extractionCost(encoder, shape);
  const { line } = await chooseBackend();
  const seconds = (OVERHEAD * operations) / (await rate(encoder.features));
  const how = resident ? "kept in memory" : "one layer at a time";
  return [
    serves(encoder),
    `extraction: ${how}, at most ${(bytes / 1e9).toFixed(1)} GB, about ${Number(seconds.toPrecision(2))} s for ${name} (${line})`,
  ];
}

/** Task and data of the encoder's input, or what it lacks to prepare that. */
function serves(encoder: Encoder): string {
  const found = Object.entries(findPreset("paper").tasks).find(
    ([, { extraction }]) => datasetNamed(extraction!.dataset).input === encoder.modality,
  );
  const [task, { extraction }] = found!;
  try {
    preparation(encoder, extraction!);
    return `serves: ${task} (npx daam features --task ${task} --encoder ${encoder.folder})`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `serves: ${task}, once it is whole: ${error.message}`;
  }
}

/** Multiplications and additions a second of a product of matrices on the current backend. */
async function rate(features: number): Promise<number> {
  const [a, b] = [tf.ones([512, features]), tf.ones([4 * features, features])];
  let best = Infinity;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    const product = tf.matMul(a, b, false, true);
    await product.data();
    best = Math.min(best, performance.now() - start);
    product.dispose();
  }
  tf.dispose([a, b]);
  return (2 * 512 * features * 4 * features) / (best / 1000);
}
