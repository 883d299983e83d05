/** Which ink is read on a colour of a heatmap. */

/** Stops of a colour scale, each its place in 0–1 and "#rrggbb". */
export type ColourScale = readonly (readonly [at: number, colour: string])[];

const channels = (colour: string) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** Relative luminance of sRGB channels in 0–255 (WCAG 2.2). */
function luminance(rgb: readonly number[]): number {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** Contrast of two colours, 1 to 21 (WCAG 2.2). */
function contrast(a: readonly number[], b: readonly number[]): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white, whichever differs more from the scale's colour at a place in 0–1: never less than 4.5 to 1. */
export function inkOn(scale: ColourScale, at: number): { ink: string; contrast: number } {
  const next = Math.max(
    1,
    scale.findIndex(([stop]) => stop >= at),
  );
  const [[from, low], [to, high]] = [scale[next - 1]!, scale[next]!];
  const [start, end] = [channels(low), channels(high)];
  const share = (Math.min(Math.max(at, from), to) - from) / (to - from);
  const ground = start.map((value, i) => value + share * (end[i]! - value));
  const [ink] = ["#000000", "#ffffff"].sort(
    (a, b) => contrast(channels(b), ground) - contrast(channels(a), ground),
  );
  return { ink: ink!, contrast: contrast(channels(ink!), ground) };
}
