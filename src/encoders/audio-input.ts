import { UserError } from "../errors.js";
import type { EncoderInput } from "./architecture.js";
import { Config } from "./config.js";

export interface AudioOptions {
  /** samples to which every clip is padded with zeros; by default the longest clip's */
  length?: number;
  /** zero mean and unit variance of each clip; by default as the folder says. The paper's runs leave it out */
  normalise?: boolean;
}

/** Recordings → samples, as a folder's preprocessor_config.json says (transformers' Wav2Vec2FeatureExtractor). */
export class AudioInput {
  private constructor(
    readonly folder: string,
    /** Hz */
    readonly rate: number,
    private readonly normalise: boolean,
    private readonly masked: boolean,
  ) {}

  /** @throws UserError if the file is missing or lacks the sampling rate. */
  static open(folder: string): AudioInput {
    const config = Config.read(folder, "preprocessor_config.json");
    const rate = config.count("sampling_rate", 16000);
    return new AudioInput(
      folder,
      rate,
      config.flag("do_normalize", true),
      config.flag("return_attention_mask", false),
    );
  }

  /**
   * @param clips mono samples in [−1, 1] at `rate` Hz
   * @returns [clips, length], and where the folder asks for one, the mask of what is no padding. With a mask a clip is normalised by
   *   its own samples and padding stays 0; without, over the padded clip.
   * @throws UserError for another rate, an empty clip, a clip longer than `length`, or samples that are no numbers.
   */
  prepare(clips: readonly Float32Array[], rate: number, options: AudioOptions = {}): EncoderInput {
    if (rate !== this.rate)
      throw new UserError(`${this.folder} takes audio at ${this.rate} Hz, not ${rate} Hz; resample it first`);
    const length = options.length ?? Math.max(...clips.map((clip) => clip.length));
    const shape = [clips.length, length];
    const values = new Float32Array(clips.length * length);
    const mask = new Int32Array(this.masked ? values.length : 0);
    for (const [i, clip] of clips.entries()) {
      if (!clip.length || clip.length > length)
        throw new UserError(
          `clip ${i + 1} has ${clip.length} samples, which do not fit in ${length}; cut it first`,
        );
      if (!clip.every(Number.isFinite))
        throw new UserError(`clip ${i + 1} holds samples that are no numbers`);
      const row = values.subarray(i * length, (i + 1) * length);
      row.set(clip);
      if (options.normalise ?? this.normalise) standardise(this.masked ? row.subarray(0, clip.length) : row);
      if (this.masked) mask.fill(1, i * length, i * length + clip.length);
    }
    const input: EncoderInput = { values: { shape, dtype: "float32", data: values } };
    if (this.masked) input.mask = { shape, dtype: "int32", data: mask };
    return input;
  }
}

/** In place: zero mean and unit variance, with the extractor's 1e-7 under the root, so that silence stays silent. */
function standardise(samples: Float32Array): void {
  let sum = 0;
  for (const x of samples) sum += x;
  const mean = sum / samples.length;
  let squares = 0;
  for (const x of samples) squares += (x - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / samples.length + 1e-7);
  for (let i = 0; i < samples.length; i++) samples[i] = (samples[i]! - mean) * scale;
}
