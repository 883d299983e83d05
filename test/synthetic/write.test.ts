import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose.js";
import { openEncoder } from "#src/encoders/encoder.js";
import { meanStates } from "#src/encoders/stream.js";
import { openCheckpoint } from "#src/formats/checkpoint.js";
import { bytesPer } from "#src/formats/safetensors.js";
import { publishedModels, type PublishedModel } from "#src/synthetic/models.js";
import { configOf, tensorsOf } from "#src/synthetic/tensors.js";
import { store } from "#src/synthetic/values.js";
import { writeSynthetic } from "#src/synthetic/write.js";
import { freshFolder, refusal } from "../support/files.js";

/** A published model made narrow; everything else as published. */
function narrow(name: string, change: Record<string, unknown>): PublishedModel {
  const model = publishedModels[name]!;
  return { ...model, config: { ...model.config, ...change } };
}

before(() => chooseBackend("cpu"));

const size = { hidden_size: 32, num_attention_heads: 2, intermediate_size: 48 };
const channels = { conv_dim: Array.from({ length: 7 }, () => 16) };
const tiny: Record<string, { model: PublishedModel; input: [number[], "float32" | "int32"] }> = {
  "wavlm-large": { model: narrow("wavlm-large", { ...size, ...channels }), input: [[2, 2000], "float32"] },
  "wavlm-base-plus": {
    model: narrow("wavlm-base-plus", { ...size, ...channels }),
    input: [[2, 2000], "float32"],
  },
  "smollm2-135m": {
    model: narrow("smollm2-135m", { ...size, num_key_value_heads: 1 }),
    input: [[2, 7], "int32"],
  },
  "beit-base": {
    model: narrow("beit-base", { ...size, image_size: 32 }),
    input: [[2, 3, 32, 32], "float32"],
  },
};

for (const [name, { model, input }] of Object.entries(tiny))
  test(`${name}: a narrow copy opens, in one file and in shards of the same values`, async () => {
    const [one, shards] = [join(freshFolder(), "one"), join(freshFolder(), "shards")];
    await writeSynthetic(model, one, { layers: 3 });
    await writeSynthetic(model, shards, { layers: 3, shard: 40_000 });
    assert.ok(readdirSync(one).includes("model.safetensors"));
    assert.ok(readdirSync(shards).filter((file) => file.endsWith(".safetensors")).length > 2);
    const split = await openCheckpoint(shards);
    for (const [tensor, stored] of await openCheckpoint(one)) {
      assert.equal(stored.dtype, model.dtype);
      assert.deepEqual(split.get(tensor)!.read(), stored.read());
    }
    const encoder = await openEncoder(one);
    const [shape, dtype] = input;
    const n = shape.reduce((a, b) => a * b, 1);
    const data = dtype === "int32" ? new Int32Array(n).map((_, i) => 3 + i) : new Float32Array(n).map((_, i) => Math.sin(i)); // prettier-ignore
    const mean = await meanStates(encoder, [{ values: { shape, dtype, data } }]);
    assert.equal(mean.length, 2 * 3 * 32);
    assert.ok(mean.every(Number.isFinite));
    assert.notDeepEqual(mean.subarray(0, 32), mean.subarray(32, 64));
    assert.equal(encoder.classes, name === "beit-base" ? 1000 : 0);
  });

test("values are near what their tensor is for, and those of the seed", async () => {
  const read = async (seed: number) => {
    const folder = join(freshFolder(), "seeded");
    await writeSynthetic(tiny["wavlm-large"]!.model, folder, { layers: 1, seed });
    return openCheckpoint(folder);
  };
  const [first, again, other] = [await read(1), await read(1), await read(2)];
  const name = "encoder.layers.0.feed_forward.output_dense.weight"; // [32, 48]
  const values = first.get(name)!.read().data as Float32Array;
  const sd = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  assert.ok(Math.abs(sd * Math.sqrt(48) - 1) < 0.1, `sd ${sd}`);
  assert.deepEqual(again.get(name)!.read(), first.get(name)!.read());
  assert.notDeepEqual(other.get(name)!.read(), first.get(name)!.read());
  const norm = first.get("encoder.layers.0.layer_norm.weight")!.read().data;
  assert.ok(norm.every((x) => x > 0.5 && x < 1.5));
});

test("bfloat16 and float16 are rounded to the nearest", () => {
  const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -2.5);
  assert.deepEqual([...store("BF16", values)], [0x3f80, 0x3f80, 0x3f82, 0xc020]);
  assert.deepEqual([...store("F16", Float32Array.of(1, 65504, -0.5))], [0x3c00, 0x7bff, 0xb800]);
});

// `total_size` of the published model.safetensors.index.json, and parameters that the model cards give
const published = {
  "llama-2-13b": 26_031_738_880,
  "llama-2-7b": 13_476_839_424,
  "tinyllama-1.1b": 4 * 1_100_048_384,
  "smollm2-135m": 2 * 134_515_008,
};
for (const [name, bytes] of Object.entries(published))
  test(`${name} has as many bytes as the published weights`, () => {
    const model = publishedModels[name]!;
    const tensors = tensorsOf(model, configOf(model));
    const total = tensors.reduce(
      (sum, { shape, dtype }) => sum + bytesPer[dtype] * shape.reduce((a, b) => a * b, 1),
      0,
    );
    assert.equal(total, bytes);
  });

test("a folder that holds files is left as it is, a disk without room is named, and nothing is left", async () => {
  const root = freshFolder();
  const folder = join(root, "taken");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), "{}");
  const { model } = tiny["beit-base"]!;
  await assert.rejects(writeSynthetic(model, folder), refusal(/holds files already; name a new folder/));
  assert.equal(readFileSync(join(folder, "config.json"), "utf8"), "{}");
  const endless = narrow("llama-2-13b", { vocab_size: 1e12 });
  await assert.rejects(
    writeSynthetic(endless, join(root, "large")),
    refusal(/GB free, the checkpoint needs .* free some space/),
  );
  assert.ok(!existsSync(join(root, "large")));
  await assert.rejects(
    writeSynthetic(model, join(root, "stopped"), {
      progress: () => {
        throw new Error("stopped");
      },
    }),
    /stopped/,
  );
  assert.deepEqual(readdirSync(root), ["taken"]);
});
