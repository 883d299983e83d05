import type { Random } from "../random.js";

/**
 * White Gaussian noise over a clip, scaled so that the clip has exactly the asked signal-to-noise ratio. Nothing is cut at ±1; a silent
 * clip stays silent.
 * @param samples [frames], without padding
 * @param snr in dB: 10 · log10(power of the clip ÷ power of the noise)
 */
export function addNoise(samples: Float32Array, snr: number, random: Random): Float32Array {
  const noise = Float64Array.from(samples, () => random.normal());
  const scale = Math.sqrt(energy(samples) / energy(noise) / 10 ** (snr / 10));
  return samples.map((sample, i) => sample + scale * noise[i]!);
}

const energy = (values: Float32Array | Float64Array) => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
};
