import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { UserError } from "#src/errors.js";
import { AudioInput } from "#src/encoders/audio-input.js";
import { decodeImage, ImageInput } from "#src/encoders/image-input.js";
import { resizeImage } from "#src/encoders/resize.js";
import { padIds, TextInput } from "#src/encoders/text-input.js";
import { assertClose } from "../support/close.js";
import { freshFolder, refusal } from "../support/files.js";

/** A folder with preprocessor_config.json of these fields. */
function preprocessor(fields: object): string {
  const folder = freshFolder();
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(fields));
  return folder;
}

const clips = [Float32Array.from([0.1, -0.2, 0.3, 0.4]), Float32Array.from([0.5, -0.5])];

// Wav2Vec2FeatureExtractor of transformers 5.18, padding="max_length", max_length=5
test("audio is normalised over the padded clip, or with a mask over its own samples", async () => {
  const plain = AudioInput.open(preprocessor({ sampling_rate: 16000 })).prepare(clips, 16000, { length: 5 });
  const expected = [-0.0936585, -1.4985357, 0.8429263, 1.3112186, -0.5619509, 1.5811381, -1.5811381, 0, 0, 0];
  await assertClose([...plain.values.data], expected, 1e-6);
  assert.equal(plain.mask, undefined);
  const masked = AudioInput.open(preprocessor({ return_attention_mask: true })).prepare(clips, 16000, {
    length: 5,
  });
  const own = [-0.2182177, -1.5275239, 0.6546531, 1.0910884, 0, 0.9999999, -0.9999999, 0, 0, 0];
  await assertClose([...masked.values.data], own, 1e-6);
  assert.deepEqual([...masked.mask!.data], [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]);
  const asked = AudioInput.open(preprocessor({ return_attention_mask: true })).prepare(clips, 16000, {
    length: 5,
    mask: false,
  });
  assert.deepEqual(asked, plain);
});

test("audio can be left as it is, and silence stays silent", () => {
  const audio = AudioInput.open(preprocessor({}));
  const raw = audio.prepare([clips[0]!], 16000, { normalise: false });
  assert.deepEqual(raw.values.data, clips[0]);
  assert.ok(audio.prepare([new Float32Array(160)], 16000).values.data.every((x) => x === 0));
});

test("refused: audio at another rate, empty, too long, or not a number", () => {
  const audio = AudioInput.open(preprocessor({}));
  assert.throws(() => audio.prepare(clips, 48000), /16000 Hz, not 48000 Hz; resample/);
  assert.throws(() => audio.prepare([new Float32Array(0)], 16000, { length: 5 }), /clip 1 has 0 samples/);
  assert.throws(
    () => audio.prepare(clips, 16000, { length: 3 }),
    /clip 1 has 4 samples, which do not fit in 3/,
  );
  assert.throws(() => audio.prepare([Float32Array.of(0, NaN)], 16000), /no numbers/);
});

// torch.nn.functional.interpolate(antialias=True) of PyTorch 2.13 on uint8, which follows Pillow
const pixels = Uint8Array.of(0, 40, 80, 255, 10, 200, 30, 60, 90, 20, 250, 5, 128, 64, 32, 16);
const resized: [filter: "bilinear" | "bicubic", size: [number, number], values: number[]][] = [
  ["bilinear", [3, 2], [48, 124, 89, 90, 86, 55]],
  ["bicubic", [3, 2], [39, 132, 91, 90, 87, 50]],
  [
    "bilinear",
    [6, 5],
    [
      0, 28, 60, 132, 255, 5, 86, 88, 86, 158, 23, 126, 118, 62, 51, 77, 58, 132, 154, 14, 109, 62, 92, 102,
      11, 128, 83, 48, 27, 16,
    ],
  ],
  [
    "bicubic",
    [6, 5],
    [
      0, 17, 47, 139, 255, 0, 97, 85, 72, 167, 13, 150, 133, 43, 42, 80, 37, 150, 186, 4, 118, 47, 94, 117, 4,
      134, 88, 38, 14, 16,
    ],
  ],
];
for (const [filter, [rows, columns], values] of resized) {
  test(`images resize as in Pillow: ${filter} to ${rows} × ${columns}`, () => {
    const image = { data: Uint8Array.of(...pixels, ...pixels, ...pixels), height: 4, width: 4 };
    const { data } = resizeImage(image, rows, columns, filter);
    // the library works in 16-bit integers and may round the other way
    for (const [i, value] of [...values, ...values, ...values].entries())
      assert.ok(Math.abs(data[i]! - value) <= 1, `pixel ${i}: ${data[i]} for ${value}`);
  });
}

test("images are resized, cropped, rescaled and normalised as the folder says", () => {
  const input = ImageInput.open(
    preprocessor({
      size: 4,
      resample: 0,
      do_center_crop: true,
      crop_size: { height: 2, width: 2 },
      image_mean: [0.5, 0, 0],
      image_std: [0.5, 1, 2],
    }),
  );
  const image = {
    data: Uint8Array.from({ length: 3 * 64 }, (_, i) => (i >> 6 === 0 ? 255 : i % 64)),
    height: 8,
    width: 8,
  };
  const { values } = input.prepare([image, image]);
  assert.deepEqual(values.shape, [2, 3, 2, 2]);
  assert.deepEqual([...values.data.subarray(0, 4)], [1, 1, 1, 1]);
  // rows 3 and 5, columns 3 and 5 of the original
  const kept = [27, 29, 43, 45].map((value) => Math.fround(value / 255));
  assert.deepEqual([...values.data.subarray(4, 8)], kept);
});

test("an image file is decoded; grey ones to three equal planes", async () => {
  const png = await sharp(Buffer.from([10, 20, 30, 40, 50, 60]), {
    raw: { width: 2, height: 1, channels: 3 },
  })
    .png()
    .toBuffer();
  assert.deepEqual(await decodeImage(png), {
    data: Uint8Array.of(10, 40, 20, 50, 30, 60),
    height: 1,
    width: 2,
  });
  const grey = await sharp(Buffer.from([7, 9]), { raw: { width: 2, height: 1, channels: 1 } })
    .png()
    .toBuffer();
  assert.deepEqual([...(await decodeImage(grey)).data], [7, 9, 7, 9, 7, 9]);
});

test("refused: damaged images, unknown filters", async () => {
  await assert.rejects(
    decodeImage(Buffer.from("no image")),
    (error: Error) => error instanceof UserError && /cannot be decoded/.test(error.message),
  );
  const png = await sharp({ create: { width: 40, height: 40, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  await assert.rejects(decodeImage(png.subarray(0, png.length - 30)), UserError);
  assert.throws(() => ImageInput.open(preprocessor({ resample: 5 })), /resample 5 is not implemented/);
  assert.throws(
    () => ImageInput.open(preprocessor({ size: { shortest_edge: 5 } })),
    /size is .* must be a height and a width/,
  );
});

test("texts of several lengths are padded on the right with a mask", () => {
  const { values, mask } = padIds([[1, 2, 3], [4]], 9);
  assert.deepEqual([values.shape, [...values.data], [...mask!.data]], [[2, 3], [1, 2, 3, 4, 9, 9], [1, 1, 1, 1, 0, 0]]); // prettier-ignore
  assert.equal(padIds([[1, 2]]).mask, undefined);
});

test("text: the empty one is <s> alone, the limit counts it in", () => {
  const tokens = TextInput.open("data/encoders/llama-mini");
  assert.deepEqual(tokens.ids(""), [1]);
  assert.equal(tokens.ids("many words in a row", 3).length, 3);
  assert.equal(tokens.ids("many words in a row", 3)[0], 1);
});

test("refused: a tokenizer of another model or of an unknown kind, before any text", () => {
  const folder = freshFolder();
  const write = (name: string, change: (fields: any) => void) => {
    const fields = JSON.parse(readFileSync(join("data/encoders/llama-mini", name), "utf8"));
    change(fields);
    writeFileSync(join(folder, name), JSON.stringify(fields));
  };
  const asIs = () => {};
  write("tokenizer.json", asIs);
  write("config.json", (config) => (config.vocab_size = 4095));
  assert.throws(
    () => TextInput.open(folder),
    refusal(/up to token 4095, config\.json has a vocabulary of 4095: .* take the tokenizer\.json of this/),
  );
  write("config.json", asIs);
  TextInput.open(folder);
  write("tokenizer.json", ({ added_tokens }) => (added_tokens[0].id = 5000));
  assert.throws(() => TextInput.open(folder), refusal(/up to token 5000/));
  write("tokenizer.json", ({ model }) => (model.type = "Nope"));
  assert.throws(
    () => TextInput.open(folder),
    refusal(/no tokenizer that can be read \(a model of type "Nope"/),
  );
});

test("refused: a tokenizer in an older form alone", () => {
  const folder = freshFolder();
  writeFileSync(join(folder, "tokenizer.model"), "");
  assert.throws(
    () => TextInput.open(folder),
    refusal(/has tokenizer\.model, but no tokenizer\.json: .*AutoTokenizer/),
  );
});

test("a token that was added beyond the vocabulary is refused only where a text has it", () => {
  const folder = freshFolder();
  cpSync("data/encoders/llama-mini", folder, {
    recursive: true,
    filter: (path) => !/model/.test(path.slice(-20)),
  });
  const edit = (name: string, change: (fields: any) => void) => {
    const fields = JSON.parse(readFileSync(join(folder, name), "utf8"));
    change(fields);
    writeFileSync(join(folder, name), JSON.stringify(fields));
  };
  const plain = TextInput.open(folder).prepare(["A text of several words", "One"]);
  edit("tokenizer.json", ({ added_tokens, model }) => {
    added_tokens.push({ ...added_tokens[0], id: 4096, content: "<pad>" });
    // as some converters write it
    model.vocab["<pad>"] = 4096;
  });
  edit("config.json", (config) => (config.pad_token_id = 4096));
  const text = TextInput.open(folder);
  // the padding's id has no embedding either; the mask hides what stands in its place
  assert.deepEqual(text.prepare(["A text of several words", "One"]), plain);
  assert.throws(
    () => text.ids("Fill <pad> up"),
    refusal(
      /the text "Fill <pad> up" has the added token "<pad>" \(4096\), beyond the encoder's vocabulary of 4096; take/,
    ),
  );
  assert.equal(text.ids("Fill <pad> up", 2).length, 2);
});

test("refused: a tokenizer that is damaged or missing", () => {
  const folder = freshFolder();
  cpSync("data/encoders/llama-mini/config.json", join(folder, "config.json"));
  assert.throws(() => TextInput.open(folder), /tokenizer\.json is missing/);
  writeFileSync(join(folder, "tokenizer.json"), '{"model": {"type": "None"}}');
  assert.throws(
    () => TextInput.open(folder),
    (error: Error) => error instanceof UserError && /no tokenizer/.test(error.message),
  );
});
