/** An RGB image by planes: bytes [3, height, width]. */
export interface Image {
  data: Uint8Array;
  height: number;
  width: number;
}

export const resizeFilters = ["nearest", "box", "bilinear", "bicubic", "lanczos"] as const;
type Filter = (typeof resizeFilters)[number];

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Pillow's kernels and their reach, in pixels of the coarser grid (Resample.c). */
const kernels: Record<Exclude<Filter, "nearest">, [reach: number, kernel: (x: number) => number]> = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [
    2,
    (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  ],
  lanczos: [3, (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/** Which pixels of a line a new pixel is made of, and how much of each. */
interface Taps {
  first: number;
  weights: number[];
}

/**
 * Resizes an image by planes as Pillow does: separable filters that widen when the image shrinks, each pass rounded to bytes. (The
 * image libraries at hand shift an enlarged image by a fraction of a pixel, which an encoder's hidden states would show.)
 */
export function resizeImage(
  { data, height, width }: Image,
  rows: number,
  columns: number,
  filter: Filter,
): Image {
  const across = resizeLines(data, 3 * height, width, 1, taps(width, columns, filter)); // [3 · height, columns]
  const out = new Uint8Array(3 * rows * columns);
  const down = taps(height, rows, filter);
  for (let plane = 0; plane < 3; plane++) {
    const from = across.subarray(plane * height * columns, (plane + 1) * height * columns);
    out.set(resizeLines(from, columns, 1, columns, down), plane * rows * columns);
  }
  return { data: out, height: rows, width: columns };
}

/** Resizes `lines` lines whose pixels lie `stride` apart, line starts `step` apart. */
function resizeLines(
  data: Uint8Array,
  lines: number,
  step: number,
  stride: number,
  line: Taps[],
): Uint8Array {
  const out = new Uint8Array(lines * line.length);
  for (let i = 0; i < lines; i++) {
    for (const [j, { first, weights }] of line.entries()) {
      let sum = 0.5;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[i * step + (first + k) * stride]!;
      out[stride === 1 ? i * line.length + j : j * stride + i] = Math.min(255, Math.max(0, Math.floor(sum)));
    }
  }
  return out;
}

function taps(from: number, to: number, filter: Filter): Taps[] {
  const scale = from / to;
  if (filter === "nearest")
    return Array.from({ length: to }, (_, i) => ({ first: Math.floor((i + 0.5) * scale), weights: [1] }));
  const [reach, kernel] = kernels[filter];
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach * stretch + 0.5));
    const end = Math.min(from, Math.floor(centre + reach * stretch + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) => kernel((first + k - centre + 0.5) / stretch));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}
