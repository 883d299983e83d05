import { resample } from "../formats/resample.js";
import type { Recording } from "../formats/recording.js";
import { type Emotion, emotions } from "./classes.js";
import type { Item, ItemOptions } from "./dataset.js";

/** What speech encoders are trained on, in Hz. */
export const RATE = 16_000;
const CLIP_SECONDS = 5;
/** Shorter rests after the last full clip are dropped. */
const LEAST_SECONDS = 0.1;

/** Cuts [frames] into clips of at most five seconds; the excess becomes further clips. */
export function clips(samples: Float32Array, rate: number): Float32Array[] {
  const length = CLIP_SECONDS * rate;
  const cut: Float32Array[] = [];
  for (let begin = 0; samples.length - begin >= LEAST_SECONDS * rate; begin += length)
    cut.push(samples.slice(begin, begin + length));
  return cut;
}

/** The items of one recording, at 16 kHz: `id#0`, `id#1`, … with the same label, fold and group. */
export async function* clipItems(
  recording: Recording,
  about: { id: string; emotion: Emotion; fold: number; group: number },
  { warn }: ItemOptions,
): AsyncGenerator<Item> {
  const { id, emotion, fold, group } = about;
  const parts = clips(await resample(recording.samples, recording.rate, RATE), RATE);
  if (parts.length === 0) warn?.(`${id}: left out: shorter than ${LEAST_SECONDS} s`);
  for (const [index, samples] of parts.entries()) {
    const input = { kind: "audio" as const, samples, rate: RATE };
    yield { id: `${id}#${index}`, label: emotions.indexOf(emotion), fold, group, input };
  }
}
