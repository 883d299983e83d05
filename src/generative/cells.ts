import { createRequire } from "node:module";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Backend } from "../backend/choose.js";
import { writeWhole } from "../files.js";
import { readSealed, sealed } from "../sealed.js";
import type { Images, ImageSets } from "./images.js";
import { variants, type Variant, type VqVaeSettings } from "./settings.js";
import { trainVqVae, type TrainVqVaeOptions, type VqVaeConfig, type VqVaeOutcome } from "./train.js";

/** A variant trained with one seed. */
export interface VqVaeCell {
  /** `without/seed-1`. */
  name: string;
  variant: Variant;
  config: VqVaeConfig;
}

/** What a training came to: the same wherever it ran. */
export interface VqVaeFigures extends Omit<VqVaeOutcome, "reconstructions"> {
  name: string;
  config: VqVaeConfig;
}

export interface VqVaeResult extends VqVaeFigures {
  seconds: number;
  backend: string;
  versions: Record<string, string>;
  /** Of the first test images, base64 of bytes [n, side, side, 3]. */
  reconstructions: { count: number; side: number; pixels: string };
}

/** Seed by seed, so that a run which ends early has whole pairs. */
export function planVqVaes(settings: VqVaeSettings): VqVaeCell[] {
  return Array.from({ length: settings.seeds }, (_, i) => i + 1).flatMap((seed) =>
    variants.map((variant) => ({
      name: `${variant.name}/seed-${seed}`,
      variant,
      config: { ...settings, attention: variant.attention, seed },
    })),
  );
}

/** Results of the seeds that have every variant. */
export function wholePairs<T extends VqVaeFigures>(results: readonly T[]): T[] {
  const seedsOf = ({ attention }: Variant) =>
    new Set(results.filter(({ config }) => config.attention === attention).map(({ config }) => config.seed));
  const sets = variants.map(seedsOf);
  return results.filter(({ config }) => sets.every((seeds) => seeds.has(config.seed)));
}

const pathOf = (folder: string, name: string) => join(folder, "cells", `${name}.json`);

/** What a folder keeps of a cell that was finished with this configuration. */
export function finishedCell(folder: string, { name, config }: VqVaeCell): VqVaeResult | undefined {
  const path = pathOf(folder, name);
  const result = readSealed<VqVaeResult>(path, (why) =>
    console.error(`${path} is damaged (${why}): the cell is trained again`),
  );
  // the number of seeds is no part of a cell
  const same = result && isDeepStrictEqual({ ...result.config, seeds: 0 }, { ...config, seeds: 0 });
  return same ? result : undefined;
}

/** Keeps a result as `<folder>/cells/<name>.json`. */
export function keepCell(folder: string, result: VqVaeFigures): void {
  writeWhole(pathOf(folder, result.name), sealed(result));
}

/** Trains a cell. Throws as `trainVqVae` does. */
export async function trainVqVaeCell(
  { name, config }: VqVaeCell,
  images: ImageSets,
  backend: Backend,
  options: TrainVqVaeOptions,
): Promise<VqVaeResult> {
  const start = performance.now();
  const { reconstructions, ...outcome } = await trainVqVae(images, config, options);
  const { count, side, pixels } = reconstructions;
  return {
    name,
    config,
    ...outcome,
    seconds: Math.round((performance.now() - start) / 100) / 10,
    backend: `${backend.name}, ${backend.detail}`,
    versions: {
      node: process.versions.node,
      tfjs: (createRequire(import.meta.url)("@tensorflow/tfjs/package.json") as { version: string }).version,
    },
    reconstructions: { count, side, pixels: Buffer.from(pixels).toString("base64") },
  };
}

/** Images that a result carries. */
export function reconstructionsOf({ reconstructions: { count, side, pixels } }: VqVaeResult): Images {
  return { count, side, pixels: Buffer.from(pixels, "base64") };
}
