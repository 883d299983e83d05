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
    const out = new Float32Array(Math.ceil((samples.length * to) / from));
    let written = 0;
    for (const piece of pieces(samples, Math.ceil((TAIL * from) / to) + TAIL)) {
      const converted = converter.full(piece);
      out.set(converted.subarray(0, out.length - written), written);
      written = Math.min(out.length, written + converted.length);
    }
    return out;
  } finally {
    converter.destroy();
  }
}

function* pieces(samples: Float32Array, zeros: number): Generator<Float32Array> {
  for (let begin = 0; begin < samples.length; begin += PIECE) yield samples.subarray(begin, begin + PIECE);
  yield new Float32Array(zeros);
}
