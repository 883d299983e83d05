import { datasetNamed, type Item, type ItemOptions } from "#src/datasets/index.js";
import { wavBytes } from "#src/fuzz/samples.js";
import { all } from "./files.js";

export const itemsOf = (name: string, paths: string[], options?: ItemOptions): Promise<Item[]> =>
  all(datasetNamed(name).items(paths, options));

/** What a clip is, its samples as their number. */
export const summary = ({ id, label, fold, group, input }: Item) => [
  id,
  label,
  fold,
  group,
  input.kind === "audio" && input.samples.length,
];

/** Seconds of a saw-tooth. */
export const slope = (seconds: number, rate = 16_000) =>
  Array.from({ length: seconds * rate }, (_, i) => (i % 1_000) / 2_000);
export const wav = (seconds: number) => wavBytes([slope(seconds)], 16_000, 16);
