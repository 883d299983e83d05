/** Shifts of raw inputs at test time: as data, and what they do to an item. */
import type { RawInput } from "../datasets/index.js";
import { UserError } from "../errors.js";
import { randomStream } from "../random.js";
import { addNoise } from "./audio.js";
import { addImageNoise, blur } from "./image.js";
import { dropWords } from "./text.js";

export type Shift =
  /** White noise on audio, in dB over the unpadded clip. */
  | { kind: "noise"; snr: number }
  /** Words left out, 0–1. */
  | { kind: "word-drop"; share: number }
  /** Gaussian noise on pixels in 0–1. */
  | { kind: "image-noise"; sd: number }
  /** Gaussian blur, in pixels of the raw image. */
  | { kind: "blur"; sd: number };

/** How strong a shift is, in its own unit. */
export function severity(shift: Shift): number {
  return shift.kind === "noise" ? shift.snr : shift.kind === "word-drop" ? shift.share : shift.sd;
}

/** "noise-20", "word-drop-0.1", "image-noise-0.05", "blur-1": names files and columns. */
export const shiftName = (shift: Shift) => `${shift.kind}-${severity(shift)}`;

/** What a shift is called in tables; `level` alone where its kind is named already. */
export const shiftWords: Record<Shift["kind"], { title: string; level(severity: number): string }> = {
  noise: { title: "noise", level: (snr) => `${snr} dB` },
  "word-drop": { title: "words dropped", level: (share) => `${Number((100 * share).toPrecision(3))} %` },
  "image-noise": { title: "noise", level: (sd) => `σ ${sd}` },
  blur: { title: "blur", level: (sd) => `σ ${sd}` },
};

/** "noise 20 dB", "words dropped 10 %", "blur σ 1". */
export function shiftTitle(shift: Shift): string {
  const { title, level } = shiftWords[shift.kind];
  return `${title} ${level(severity(shift))}`;
}

/**
 * An input as it is after a shift. Its random numbers follow from the item and the shift alone: every run and every encoder gets the same.
 * @param id the item's
 * @throws UserError where the shift is for another kind of input
 */
export function shiftInput(input: RawInput, shift: Shift, id: string): RawInput {
  const random = randomStream(0, `shift ${shiftName(shift)}/${id}`);
  if (input.kind === "audio" && shift.kind === "noise")
    return { ...input, samples: addNoise(input.samples, shift.snr, random) };
  if (input.kind === "text" && shift.kind === "word-drop")
    return { ...input, text: dropWords(input.text, shift.share, random) };
  if (input.kind === "image" && shift.kind === "image-noise")
    return { ...input, data: addImageNoise(input.data, shift.sd, random) };
  if (input.kind === "image" && shift.kind === "blur") return { ...input, data: blur(input, shift.sd) };
  throw new UserError(
    `the shift ${shiftName(shift)} does not apply to ${input.kind}: choose one of the task's own`,
  );
}
