import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { finishedCell, keepCell, planVqVaes, type VqVaeFigures } from "#src/generative/cells.js";
import { cifarImages, textures } from "#src/generative/images.js";
import { meanSquaredError, peakSignalToNoise } from "#src/generative/metrics.js";
import { pictureOf } from "#src/generative/picture.js";
import { settings } from "#src/generative/settings.js";
import { seedTable, vqVaeSentence, vqVaeTable } from "#src/generative/tables.js";
import { refusal, temporaryFolder } from "../support/files.js";

const { root } = temporaryFolder();

test("squared error and PSNR, by hand", () => {
  assert.equal(meanSquaredError([0, 0.5, 1, 1], [0, 0, 1, 0]), 1.25 / 4);
  assert.ok(Math.abs(peakSignalToNoise(0.01) - 20) < 1e-12);
  assert.equal(peakSignalToNoise(0), Infinity);
});

test("textures are those of their seed, and use the whole range", () => {
  const some = textures(8, 1);
  assert.equal(some.pixels.length, 8 * 32 * 32 * 3);
  assert.deepEqual(textures(8, 1), some);
  assert.notDeepEqual(textures(8, 2), some);
  assert.ok(Math.min(...some.pixels) < 20 && Math.max(...some.pixels) > 235);
});

test("a picture holds rows of images with white between them", async () => {
  const [above, below] = [textures(3, 1, 4), textures(3, 2, 4)];
  const { data, info } = await sharp(await pictureOf([above, below], 2))
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height, info.channels], [20, 20, 3]);
  const at = (x: number, y: number) => [...data.subarray(3 * (y * 20 + x), 3 * (y * 20 + x) + 3)];
  assert.deepEqual(at(0, 0), [...above.pixels.subarray(0, 3)]);
  assert.deepEqual(at(12, 12), [...below.pixels.subarray(3 * 16, 3 * 16 + 3)]); // second image of the second row
  assert.deepEqual(at(9, 0), [255, 255, 255]);
});

test("without the archive the images are refused with what to do", async () => {
  const wanted = { trainImages: 2, testImages: 1, testFrom: 0 };
  await assert.rejects(cifarImages(wanted, { env: {}, root, fetch: false }), refusal(/CIFAR-100.*fetch/));
});

test("a finished cell is taken only for the configuration that it was trained with", () => {
  const folder = mkdtempSync(join(tmpdir(), "vq-vae-"));
  const [cell] = planVqVaes(settings);
  assert.equal(finishedCell(folder, cell!), undefined);
  keepCell(folder, result(cell!.config.attention, 1, 20));
  assert.equal(finishedCell(folder, cell!)!.last.psnr, 20);
  const longer = planVqVaes({ ...settings, epochs: settings.epochs + 1 })[0]!;
  assert.equal(finishedCell(folder, longer), undefined);
  assert.ok(finishedCell(folder, planVqVaes({ ...settings, seeds: 9 })[0]!));
  rmSync(folder, { recursive: true });
});

test("variants of a seed have the same configuration but for attention", () => {
  const cells = planVqVaes(settings);
  assert.equal(cells.length, 2 * settings.seeds);
  for (let i = 0; i < cells.length; i += 2)
    assert.deepEqual({ ...cells[i]!.config, attention: true }, cells[i + 1]!.config);
});

test("tables pair the variants by seed, whatever the order of the results", () => {
  const results = [result(true, 2, 22), result(false, 1, 20), result(true, 1, 21), result(false, 2, 20.5)];
  assert.deepEqual(seedTable(results).rows, [
    ["1", "20.00", "21.00", "+1.00"],
    ["2", "20.50", "22.00", "+1.50"],
  ]);
  // by hand: mean 1.25, sd of the two 0.3536, t(1) = 12.706: ± 3.18
  assert.equal(vqVaeTable(results).rows[2]![2], "+1.25 (−1.93 to +4.43)");
  assert.match(vqVaeSentence(results), /no difference between the two can be told/);
});

function result(attention: boolean, seed: number, psnr: number): VqVaeFigures {
  const last = {
    epoch: 1,
    reconstructionLoss: 0.1,
    codebookLoss: 0.1,
    mse: 10 ** (-psnr / 10),
    psnr,
    usage: 1,
    perplexity: 9,
    restarted: 0,
  };
  return {
    name: `${attention ? "with" : "without"}/seed-${seed}`,
    config: { ...settings, attention, seed },
    curve: [last],
    last,
    parameters: 10,
  };
}
