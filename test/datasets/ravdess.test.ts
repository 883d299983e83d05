import assert from "node:assert/strict";
import { test } from "node:test";
import { wavBytes, zipBytes } from "#src/fuzz/samples.js";
import { refusal, temporaryFolder } from "../support/files.js";
import { itemsOf, slope, summary, wav } from "../support/items.js";

const { file } = temporaryFolder();

test("RAVDESS: four emotions, folds by actor, stereo at 48 kHz, doubled and short recordings left out", async () => {
  const stereo = wavBytes([slope(0.5, 48_000), slope(0.5, 48_000)], 48_000, 24);
  const recording = (name: string, bytes: Buffer) => ({ name: `Actor_${name.slice(-2)}/${name}.wav`, bytes });
  const path = file(
    "ravdess.zip",
    zipBytes([
      recording("03-01-01-01-01-01-01", wav(1)),
      recording("03-01-02-01-01-01-01", Buffer.from("calm is not read")),
      recording("03-01-05-02-01-01-07", stereo),
      recording("03-01-04-01-01-01-24", wav(5.2)),
      recording("03-01-03-01-01-01-02", wavBytes([slope(0.01)], 16_000, 16)),
      recording("03-01-03-01-01-02-02", wavBytes([new Array(16_000).fill(0)], 16_000, 16)),
      { name: "copy/Actor_01/03-01-01-01-01-01-01.wav", bytes: wav(1) },
      { name: "Actor_01/song.wav", bytes: wav(1) },
    ]),
  );
  const warnings: string[] = [];
  const read = await itemsOf("ravdess", [path], { warn: (line) => warnings.push(line) });
  assert.deepEqual(read.map(summary), [
    ["03-01-01-01-01-01-01#0", 1, 0, 1, 16_000],
    ["03-01-05-02-01-01-07#0", 3, 1, 7, 8_000],
    ["03-01-04-01-01-01-24#0", 0, 3, 24, 80_000],
    ["03-01-04-01-01-01-24#1", 0, 3, 24, 3_200],
    ["03-01-03-01-01-02-02#0", 2, 1, 2, 16_000],
  ]);
  assert.match(
    warnings.join("\n"),
    /02: left out: shorter than 0.1 s\n.*song.wav: left out.*\n.*twice: 1\n.*holds 4 of 24 actors/,
  );
});

test("RAVDESS: a damaged recording and an archive of something else are refused", async () => {
  const name = "Actor_01/03-01-01-01-01-01-01.wav";
  const damaged = file("damaged.zip", zipBytes([{ name, bytes: wav(1).subarray(0, 500) }]));
  await assert.rejects(itemsOf("ravdess", [damaged]), refusal(/damaged.zip: Actor_01.*wav: .*truncated/));
  await assert.rejects(
    itemsOf("ravdess", [file("other.zip", zipBytes([{ name: "a", bytes: wav(1) }]))]),
    refusal(/holds no recording/),
  );
  const actor = file("actor.zip", zipBytes([{ name: "03-01-01-01-01-01-99.wav", bytes: wav(1) }]));
  await assert.rejects(itemsOf("ravdess", [actor]), refusal(/names actor 99 of 24/));
});
