/** From raw data to an encoder's inputs: which items an extraction takes, and how they are prepared. */
import type { Dataset, Item, RawInput } from "../datasets/index.js";
import { RATE } from "../datasets/speech.js";
import type { EncoderInput } from "../encoders/architecture.js";
import { AudioInput } from "../encoders/audio-input.js";
import type { Encoder } from "../encoders/encoder.js";
import { ImageInput } from "../encoders/image-input.js";
import { TextInput } from "../encoders/text-input.js";
import { UserError } from "../errors.js";
import { CLIP_SAMPLES, type ExtractionSettings } from "./extraction.js";

/**
 * Ids of the items to take, in file order.
 * @param warn takes a line on every item that the whole data set leaves out: this is the pass that sees all of it
 */
export async function chosenItems(
  dataset: Dataset,
  paths: string[],
  { perClass, limit }: ExtractionSettings,
  warn?: (line: string) => void,
): Promise<string[]> {
  const counts = new Map<string, number>();
  const below = (key: string, most = Infinity) => {
    const count = counts.get(key) ?? 0;
    if (count >= most) return false;
    counts.set(key, count + 1);
    return true;
  };
  const ids: string[] = [];
  for await (const { id, label, split, fold } of dataset.items(paths, { warn })) {
    if (!below(`${split}/${label}`, perClass?.[split ?? "train"])) continue;
    if (below(`${split ?? fold}`, limit)) ids.push(id);
  }
  return ids;
}

/** The items of these ids, in file order, read as they are asked for. */
export async function* itemsNamed(
  dataset: Dataset,
  paths: string[],
  ids: readonly string[],
): AsyncGenerator<Item> {
  const wanted = new Set(ids);
  if (wanted.size === 0) return;
  for await (const item of dataset.items(paths)) {
    if (wanted.delete(item.id)) yield item;
    if (wanted.size === 0) return;
  }
}

/** Raw inputs → one batch of the encoder's. @throws UserError for an encoder of audio at another rate than the clips'. */
export function preparation(
  encoder: Encoder,
  { normalise, maxTokens }: ExtractionSettings,
): (inputs: RawInput[]) => EncoderInput {
  const { folder } = encoder;
  const of = <K extends RawInput["kind"]>(inputs: RawInput[], kind: K) =>
    inputs.filter((input): input is Extract<RawInput, { kind: K }> => input.kind === kind);
  switch (encoder.modality) {
    case "audio": {
      const audio = AudioInput.open(folder);
      if (audio.rate !== RATE)
        throw new UserError(
          `${folder}/preprocessor_config.json: sampling_rate is ${audio.rate}, clips have ${RATE} Hz: correct it, or choose an encoder for ${RATE} Hz`,
        );
      return (inputs) => {
        const clips = of(inputs, "audio");
        const samples = clips.map((clip) => clip.samples);
        // Without the mask: the paper averages over padding too.
        return { values: audio.prepare(samples, clips[0]!.rate, { length: CLIP_SAMPLES, normalise }).values };
      };
    }
    case "text": {
      const text = TextInput.open(folder);
      return (inputs) =>
        text.prepare(
          of(inputs, "text").map((input) => input.text),
          maxTokens,
        );
    }
    case "image": {
      const image = ImageInput.open(folder);
      return (inputs) => image.prepare(of(inputs, "image"));
    }
  }
}
