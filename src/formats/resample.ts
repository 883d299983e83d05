import libsamplerate from "@alexanderolsen/libsamplerate-js";

/** Input samples that the library resamples in one piece; its longer path drops the tail. */
const PIECE = 100_000;
/** Zeros after the end (in output samples), which flush the filter. */
const TAIL = 200;

/**
 * Band-limited resampling (libsamplerate's medium sinc converter, 121 dB).
 * @param samples [frames] at `from` Hz.
 * @returns [⌈frames · to / from⌉] at `to` Hz; the same array when the rates agree.
 */
export async function resample(samples: Float32Array, from: number, to: number): Promise<Float32Array> {
  if (from === to) return samples;
  const converter = await libsamplerate.create(1, from, to, {
    converterType: libsamplerate.ConverterType.SRC_SINC_MEDIUM_QUALITY,
  });
  try {
    const length = Math.ceil((samples.length * to) / from);
    const padded = new Float32Array(samples.length + Math.ceil((TAIL * from) / to) + TAIL);
    padded.set(samples);
    const out = new Float32Array(length);
    for (let read = 0, written = 0; read < padded.length && written < length; read += PIECE) {
      const piece = converter.full(padded.subarray(read, read + PIECE));
      out.set(piece.subarray(0, length - written), written);
      written += piece.length;
    }
    return out;
  } finally {
    converter.destroy();
  }
}
