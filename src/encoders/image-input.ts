import sharp from "sharp";
import { UserError } from "../errors.js";
import type { EncoderInput } from "./architecture.js";
import { Config } from "./config.js";
import { type Image, resizeFilters, resizeImage } from "./resize.js";

/** Larger images are refused undecoded. */
const MAX_PIXELS = 2 ** 26;

/**
 * Decodes a PNG, JPEG, WebP, GIF or TIFF file (its first frame, as RGB).
 * @param source path, or the file's bytes
 * @throws UserError for a damaged file, another format, or more than 64 million pixels.
 */
export async function decodeImage(source: string | Buffer): Promise<Image> {
  try {
    const { data, info } = await sharp(source, { limitInputPixels: MAX_PIXELS, failOn: "error" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { height, width, channels } = info;
    const planes = new Uint8Array(3 * height * width);
    for (let plane = 0; plane < 3; plane++) {
      // grey images have one channel for all three
      const channel = Math.min(plane, channels - 1);
      for (let i = 0; i < height * width; i++)
        planes[plane * height * width + i] = data[i * channels + channel]!;
    }
    return { data: planes, height, width };
  } catch (error) {
    const name = typeof source === "string" ? source : "the image";
    throw new UserError(`${name} cannot be decoded (${firstLine(error)}); save it again as PNG or JPEG`);
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split("\n")[0]!;
}

/** Images → pixel values, as a folder's preprocessor_config.json says (transformers' BeitImageProcessor). */
export class ImageInput {
  private constructor(
    private readonly size: [number, number] | undefined,
    private readonly filter: (typeof resizeFilters)[number],
    private readonly crop: [number, number] | undefined,
    private readonly rescale: number,
    private readonly mean: number[],
    private readonly sd: number[],
  ) {}

  /** @throws UserError if the file is missing, or asks for a step that is not implemented. */
  static open(folder: string): ImageInput {
    const config = Config.read(folder, "preprocessor_config.json");
    const byNumber = Object.keys(pillow).map(Number);
    const resample = config.number("resample", 3);
    if (!byNumber.includes(resample))
      throw new UserError(
        `${config.path}: resample ${resample} is not implemented, only ${byNumber.join(", ")}`,
      );
    const normalised = config.flag("do_normalize", true);
    return new ImageInput(
      config.flag("do_resize", true) ? config.size("size", 224) : undefined,
      pillow[resample]!,
      config.flag("do_center_crop", false) ? config.size("crop_size", 224) : undefined,
      config.flag("do_rescale", true) ? config.number("rescale_factor", 1 / 255) : 1,
      normalised ? config.numbers("image_mean", 3) : [0, 0, 0],
      normalised ? config.numbers("image_std", 3) : [1, 1, 1],
    );
  }

  /**
   * @returns pixel values [images, 3, height, width]
   * @throws UserError if images of different sizes are not resized, or are smaller than the crop.
   */
  prepare(images: readonly Image[]): EncoderInput {
    const fitted = images.map((image) => this.fit(image));
    const { height, width } = fitted[0]!;
    const plane = height * width;
    const data = new Float32Array(fitted.length * 3 * plane);
    for (const [i, image] of fitted.entries()) {
      if (image.height !== height || image.width !== width)
        throw new UserError(
          "images of different sizes cannot form a batch; set do_resize in preprocessor_config.json",
        );
      for (let j = 0; j < 3 * plane; j++) {
        const channel = Math.floor(j / plane);
        data[i * 3 * plane + j] = (image.data[j]! * this.rescale - this.mean[channel]!) / this.sd[channel]!;
      }
    }
    return { values: { shape: [fitted.length, 3, height, width], dtype: "float32", data } };
  }

  private fit(image: Image): Image {
    const { size, crop } = this;
    const same = !size || (image.height === size[0] && image.width === size[1]);
    const resized = same ? image : resizeImage(image, size[0], size[1], this.filter);
    return crop ? centreCrop(resized, crop) : resized;
  }
}

/** Pillow's numbers of its filters. */
const pillow: Record<number, (typeof resizeFilters)[number]> = {
  0: "nearest",
  1: "lanczos",
  2: "bilinear",
  3: "bicubic",
  4: "box",
};

function centreCrop({ data, height, width }: Image, [rows, columns]: [number, number]): Image {
  if (rows > height || columns > width)
    throw new UserError(`an image of ${height} × ${width} is smaller than the crop of ${rows} × ${columns}`);
  const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
  const out = new Uint8Array(3 * rows * columns);
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < rows; y++) {
      const from = (plane * height + top + y) * width + left;
      out.set(data.subarray(from, from + columns), (plane * rows + y) * columns);
    }
  }
  return { data: out, height: rows, width: columns };
}
