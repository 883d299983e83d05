import type { Random } from "../random.js";

/** Pixels are bytes by planes, [3, height, width]; standard deviations of noise are of pixels in 0–1. */
export interface Pixels {
  data: Uint8Array;
  height: number;
  width: number;
}

/** Gaussian noise on every pixel and colour, cut at 0 and 1 and rounded to bytes again. */
export function addImageNoise(data: Uint8Array, sd: number, random: Random): Uint8Array {
  return Uint8Array.from(Uint8ClampedArray.from(data, (byte) => byte + 255 * sd * random.normal()));
}

/** A Gaussian is cut off beyond so many standard deviations. */
const REACH = 4;

/**
 * Gaussian blur of every plane, rounded to bytes again. Beyond its edges an image goes on as its mirror image (d c b a | a b c d | d c b a),
 * so that the mean of the pixels stays what it was.
 * @param sd in pixels
 */
export function blur({ data, height, width }: Pixels, sd: number): Uint8Array {
  const kernel = gaussian(sd);
  const rows = along(Float64Array.from(data), kernel, width, 1);
  return Uint8Array.from(Uint8ClampedArray.from(along(rows, kernel, height, width)));
}

/** Weights at −radius … radius; their sum is 1. */
function gaussian(sd: number): number[] {
  const radius = Math.ceil(REACH * sd);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sd ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Convolves along the axis that has `length` values, `stride` apart. */
function along(values: Float64Array, kernel: number[], length: number, stride: number): Float64Array {
  const radius = (kernel.length - 1) / 2;
  return values.map((_, at) => {
    const position = Math.floor(at / stride) % length;
    const start = at - position * stride;
    return kernel.reduce(
      (sum, weight, k) => sum + weight * values[start + stride * mirrored(position + k - radius, length)]!,
      0,
    );
  });
}

function mirrored(position: number, length: number): number {
  const inPeriod = ((position % (2 * length)) + 2 * length) % (2 * length);
  return inPeriod < length ? inPeriod : 2 * length - 1 - inPeriod;
}
