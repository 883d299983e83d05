import { datasetNamed, locate, type LocateOptions, type Split } from "../datasets/index.js";
import { UserError } from "../errors.js";
import { CIFAR_IMAGE } from "../formats/cifar.js";
import { randomStream } from "../random.js";
import type { VqVaeSettings } from "./settings.js";

/** Square RGB images, bytes [n, side, side, 3]. */
export interface Images {
  count: number;
  side: number;
  pixels: Uint8Array;
}

/** Entries of one image. */
export const imageSize = ({ side }: Images): number => 3 * side * side;

export interface ImageSets {
  train: Images;
  test: Images;
}

/**
 * Images of CIFAR-100's splits in file order, of the test split those from `testFrom` on; fetched where `options` allow it.
 * @throws UserError where the data set cannot be had or holds fewer
 */
export async function cifarImages(
  { trainImages, testImages, testFrom }: Pick<VqVaeSettings, "trainImages" | "testImages" | "testFrom">,
  options: LocateOptions = {},
): Promise<ImageSets> {
  const paths = await locate(datasetNamed("cifar-100"), options);
  return {
    train: await imagesOf(paths, "train", 0, trainImages),
    test: await imagesOf(paths, "test", testFrom, testImages),
  };
}

async function imagesOf(
  paths: readonly string[],
  split: Split,
  from: number,
  count: number,
): Promise<Images> {
  const side = CIFAR_IMAGE.height;
  const area = side * side;
  const pixels = new Uint8Array(3 * area * count);
  let [at, seen] = [0, 0];
  for await (const { input } of datasetNamed("cifar-100").items(paths, { split })) {
    if (input.kind !== "image" || seen++ < from) continue;
    for (let i = 0; i < area; i++)
      for (let plane = 0; plane < 3; plane++) pixels[at++] = input.data[plane * area + i]!;
    if (at === pixels.length) return { count, side, pixels };
  }
  throw new UserError(
    `${paths.join(", ")}: holds ${seen} ${split} images, ${from + count} are asked for: ask for fewer`,
  );
}

/** Waves of a texture, and the largest number of their periods across it. */
const WAVES = 3;
const PERIODS = 2.5;

/** Smooth random textures: for each colour the sum of a few plane waves. They stand in where no images are at hand. */
export function textures(count: number, seed: number, side = CIFAR_IMAGE.height): Images {
  const random = randomStream(seed, "textures");
  const pixels = new Uint8Array(3 * side * side * count);
  for (let image = 0; image < count; image++)
    for (let colour = 0; colour < 3; colour++) {
      const waves = Array.from({ length: WAVES }, () => ({
        x: (2 * random.uniform() - 1) * PERIODS,
        y: (2 * random.uniform() - 1) * PERIODS,
        phase: random.uniform(),
      }));
      for (let i = 0; i < side * side; i++) {
        const [row, column] = [Math.floor(i / side) / side, (i % side) / side];
        const sum = waves.reduce(
          (s, { x, y, phase }) => s + Math.cos(2 * Math.PI * (x * column + y * row + phase)),
          0,
        );
        pixels[3 * (image * side * side + i) + colour] = Math.round((255 * (1 + sum / WAVES)) / 2);
      }
    }
  return { count, side, pixels };
}
