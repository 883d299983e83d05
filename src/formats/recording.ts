/** A recording, its channels averaged. */
export interface Recording {
  /** [frames], full scale is ±1. */
  samples: Float32Array;
  /** Frames a second. */
  rate: number;
  channels: number;
  /** Of a stored sample. */
  bits: number;
  encoding: "integer" | "float" | "µ-law" | "A-law" | "IMA ADPCM" | "MS ADPCM" | "FLAC";
}

/** Of one utterance: minutes of any usual format. */
export const MAX_UTTERANCE_BYTES = 32 * 2 ** 20;

/** What makes a file that is read of any that is not. */
export const CONVERT = "convert it: ffmpeg -i <it> -c:a pcm_s16le <new>.wav";

/** @throws UserError for channels and rates beyond those of recordings. */
export function checkRecording(
  { channels, rate }: Pick<Recording, "channels" | "rate">,
  refuse: (why: string, remedy?: string) => Error,
): void {
  if (channels < 1 || channels > MAX_CHANNELS) throw refuse(`it claims ${channels} channels`);
  if (rate < RATES.lowest || rate > RATES.highest)
    throw refuse(
      `it claims ${rate} Hz`,
      `${RATES.lowest} to ${RATES.highest} Hz are read: save it again at 16000 Hz`,
    );
}

const RATES = { lowest: 8_000, highest: 384_000 };
const MAX_CHANNELS = 8;

/** The mean of [channels][frames] for every frame. @throws what `refuse` makes, for a frame that is not finite */
export function averaged(channels: Float32Array[], refuse: (why: string) => Error): Float32Array {
  const samples = new Float32Array(channels[0]!.length);
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[i]!;
    if (!Number.isFinite(sum)) throw refuse(`frame ${i} is not finite`);
    samples[i] = sum / channels.length;
  }
  return samples;
}
