/** Squared error of an image, mean over its entries; values in 0–1. */
export function meanSquaredError(image: ArrayLike<number>, original: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < original.length; i++) sum += (image[i]! - original[i]!) ** 2;
  return sum / original.length;
}

/** Peak signal-to-noise ratio in dB of values in 0–1; infinite where the error is 0. */
export const peakSignalToNoise = (squaredError: number): number => -10 * Math.log10(squaredError);
