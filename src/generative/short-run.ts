import { UserError } from "../errors.js";
import { repository } from "../folders.js";
import { trainVqVaeCell, planVqVaes, reconstructionsOf, type VqVaeResult } from "./cells.js";
import { cifarImages, textures, type ImageSets } from "./images.js";
import { pictureOf } from "./picture.js";
import { shortSettings, type VqVaeSettings } from "./settings.js";

export interface ShortRun {
  results: VqVaeResult[];
  /** PNG: originals, then each variant. */
  picture: Buffer;
}

/** Images at hand for a short run: CIFAR-100's where the raw data are there, seeded textures otherwise; never fetched. */
export async function imagesAtHand(
  settings: VqVaeSettings = shortSettings,
): Promise<ImageSets & { source: "CIFAR-100" | "textures" }> {
  try {
    return { ...(await cifarImages(settings, { fetch: false, root: repository })), source: "CIFAR-100" };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [train, test] = [textures(settings.trainImages, 1), textures(settings.testImages, 2)];
    return { train, test, source: "textures" };
  }
}

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
