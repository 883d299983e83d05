import { trainVqVaeCell, planVqVaes, reconstructionsOf, type VqVaeResult } from "./cells.js";
import { textures, type ImageSets } from "./images.js";
import { pictureOf } from "./picture.js";
import { shortSettings, type VqVaeSettings } from "./settings.js";

export interface ShortRun {
  results: VqVaeResult[];
  /** PNG: originals, then each variant. */
  picture: Buffer;
}

/** Seeded textures for a short run: the same everywhere, whether or not the raw images are there. */
export const madeUpImages = ({ trainImages, testImages }: VqVaeSettings = shortSettings): ImageSets => ({
  train: textures(trainImages, 1),
  test: textures(testImages, 2),
});

/** Trains every variant in this process. Throws as `trainVqVae` does. */
export async function shortRun(
  images: ImageSets,
  settings: VqVaeSettings = shortSettings,
): Promise<ShortRun> {
  // loading it registers backends, which importers of the library may not want
  const { chooseBackend } = await import("../backend/choose.js");
  const backend = await chooseBackend();
  const results: VqVaeResult[] = [];
  for (const cell of planVqVaes(settings)) results.push(await trainVqVaeCell(cell, images, backend, {}));
  const shown = results.map(reconstructionsOf);
  return { results, picture: await pictureOf([images.test, ...shown], shown[0]!.count) };
}
