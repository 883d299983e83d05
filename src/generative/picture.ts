import sharp from "sharp";
import { imageSize, type Images } from "./images.js";

/** Pixels between images, and of the picture for one of an image. */
const GAP = 2;
const SCALE = 2;

/**
 * A PNG of rows of images, one under the other, the first `columns` of each.
 * @param rows of equal side
 */
export function pictureOf(rows: readonly Images[], columns: number): Promise<Buffer> {
  const { side } = rows[0]!;
  const step = side + GAP;
  const [width, height] = [columns * step - GAP, rows.length * step - GAP];
  const canvas = Buffer.alloc(3 * width * height, 255);
  rows.forEach((images, row) => {
    for (let column = 0; column < columns; column++)
      for (let y = 0; y < side; y++) {
        const from = column * imageSize(images) + 3 * side * y;
        const to = 3 * ((row * step + y) * width + column * step);
        canvas.set(images.pixels.subarray(from, from + 3 * side), to);
      }
  });
  return sharp(canvas, { raw: { width, height, channels: 3 } })
    .resize(SCALE * width, SCALE * height, { kernel: "nearest" })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
