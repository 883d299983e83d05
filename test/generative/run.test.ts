/** The command's work on an archive of a few made-up images. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Stopped } from "#src/errors.js";
import { CIFAR_RECORD } from "#src/formats/cifar.js";
import { tarBytes } from "#src/fuzz/samples.js";
import { cifarImages } from "#src/generative/images.js";
import { wholePairs } from "#src/generative/cells.js";
import { runVqVae } from "#src/generative/run.js";
import { recordedVqVae } from "#src/generative/publish.js";
import { settings } from "#src/generative/settings.js";
import { vqVaeSentence, vqVaeTable } from "#src/generative/tables.js";
import { refusal, temporaryFolder } from "../support/files.js";

const { root, file } = temporaryFolder();
const changes = {
  trainImages: 8,
  testImages: 4,
  testFrom: 0,
  hidden: [8],
  latent: 4,
  codes: 8,
  epochs: 1,
  batch: 4,
  seeds: 2,
};
const folder = join(root, "runs", "vq-vae", "8-images-1-epochs");
const options = { changes, backend: "wasm", command: "npx daam vq-vae --images 8" };
const environment = { ...process.env };

before(() => {
  const records = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, image) =>
        Buffer.from(Array.from({ length: CIFAR_RECORD }, (_, i) => (i < 2 ? 0 : (i * (image + 1)) % 251))),
      ),
    );
  const entries = [
    { name: "test.bin", bytes: records(4) },
    { name: "train.bin", bytes: records(8) },
  ];
  file("cifar-100-binary.tar.gz", gzipSync(tarBytes(entries)));
  Object.assign(process.env, { DAAM_DATA: root, DAAM_HOME: root });
});

after(() => {
  for (const name of ["DAAM_DATA", "DAAM_HOME"])
    if (environment[name] === undefined) delete process.env[name];
    else process.env[name] = environment[name];
});

test("planes become pixels; more images than there are is refused", async () => {
  const { train } = await cifarImages({ trainImages: 3, testImages: 1, testFrom: 0 });
  const value = (image: number, plane: number, pixel: number) =>
    ((2 + plane * 1024 + pixel) * (image + 1)) % 251;
  for (const [image, pixel] of [
    [0, 0],
    [2, 777],
  ] as const)
    assert.deepEqual(
      [...train.pixels.subarray(3 * (1024 * image + pixel)).subarray(0, 3)],
      [0, 1, 2].map((plane) => value(image, plane, pixel)),
    );
  await assert.rejects(
    cifarImages({ trainImages: 9, testImages: 1, testFrom: 0 }),
    refusal(/holds 8 train images, 9/),
  );
});

test("a run that is stopped keeps its finished cells, goes on with the others, and publishes", async () => {
  const stop = new AbortController();
  const path = (name: string) => join(folder, "cells", `${name}.json`);
  const watch = setInterval(() => existsSync(path("without/seed-1")) && stop.abort(), 1);
  await assert.rejects(runVqVae({ ...options, signal: stop.signal }), Stopped);
  clearInterval(watch);
  assert.ok(existsSync(path("without/seed-1")) && !existsSync(path("with/seed-2")));
  assert.ok(!existsSync(join(folder, "results")));
  const { mtimeMs } = statSync(path("without/seed-1"));
  await runVqVae(options);
  await runVqVae(options);
  assert.equal(statSync(path("without/seed-1")).mtimeMs, mtimeMs);
  const readme = readFileSync(join(folder, "results", "README.md"), "utf8");
  assert.match(readme, /npx daam vq-vae --images 8/);
  const varies = /minutes|seconds|cores|Linux/i;
  const published = readFileSync(join(folder, "results", "cells", "with", "seed-1.json"), "utf8");
  for (const text of [readme, published]) assert.doesNotMatch(text, varies);
  assert.match(readFileSync(join(folder, "results", "costs.md"), "utf8"), varies);
  for (const name of ["reconstructions.png", "learning-curves.png"])
    assert.equal(
      readFileSync(join(folder, "results", name))
        .subarray(1, 4)
        .toString(),
      "PNG",
    );
});

test("the published run has the committed settings, and its README its figures", () => {
  const { results } = recordedVqVae();
  assert.equal(wholePairs(results).length, results.length);
  for (const { config } of results)
    assert.deepEqual(config, { ...settings, attention: config.attention, seed: config.seed });
  const readme = readFileSync(new URL("../../results/vq-vae/README.md", import.meta.url), "utf8");
  assert.equal(readme.includes("incomplete"), results.length < 2 * settings.seeds);
  assert.ok(readme.includes(vqVaeSentence(results)));
  for (const cell of vqVaeTable(results).rows.flat()) assert.ok(readme.includes(cell), cell);
});
