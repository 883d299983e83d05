import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  cifarPickleBytes,
  codedWavBytes,
  flacBytes,
  pickleBytes,
  pytorchBytes,
  safetensorsBytes,
  streamedWavBytes,
  tarBytes,
  wavBytes,
  zipBytes,
} from "#src/fuzz/samples.js";
import { safetensorsHeader } from "#src/formats/safetensors.js";
import { inspect } from "#src/inspect/inspect.js";
import { temporaryFolder } from "../support/files.js";

const { root, file } = temporaryFolder();

const weights = safetensorsBytes({
  "layer.0": { dtype: "F32", shape: [2, 3], bytes: 24 },
  labels: { dtype: "I32", shape: [3], bytes: 12 },
});
const turns = ["neu", "sad"].map(
  (emotion, i) => `[${i}.0 - ${i + 1}.5]\tSes01F_impro01_F00${i}\t${emotion}\t[1, 2, 3]`,
);
const adapter = {
  peft_type: "LORA",
  r: 8,
  lora_alpha: 16,
  target_modules: ["q_proj"],
  base_model_name_or_path: "m",
};
const entry = [{ name: "a/b.txt", bytes: Buffer.from("four") }];

const cases: [string, () => string, string[]][] = [
  [
    "a checkpoint's tensors",
    () => file("model.safetensors", weights),
    [
      "safetensors, 2 tensors, 9 values",
      "metadata about: {}",
      "tensor layer.0 F32 [2, 3]",
      "tensor labels I32 [3]",
      "labels 1 class: 0 × 3",
    ],
  ],
  [
    "a PyTorch checkpoint's tensors",
    () => file("pytorch_model.bin", pytorchBytes(pickleBytes())),
    ["PyTorch checkpoint, 2 tensors", "tensor a F32 [2, 3]", "tensor b F32 [4]"],
  ],
  [
    "a recording's rate and length",
    () =>
      file(
        "a.wav",
        wavBytes(
          [
            [0.5, -0.25],
            [0.5, -0.25],
          ],
          48_000,
          24,
        ),
      ),
    ["WAV, 48000 Hz, 2 channels, 24-bit integer, 2 frames, 0.000 s, peak 0.500"],
  ],
  [
    "silence",
    () => file("silent.wav", wavBytes([[0]], 8_000, 8)),
    ["WAV, 8000 Hz, 1 channel, 8-bit integer, 1 frame, 0.000 s, silent"],
  ],
  [
    "what a pipe wrote, in capitals",
    () => file("PIPE.WAV", streamedWavBytes(wavBytes([[0, 0.5]], 16_000, 16))),
    ["WAV, 16000 Hz, 1 channel, 16-bit integer, 2 frames, 0.000 s, peak 0.500"],
  ],
  [
    "µ-law",
    () => file("law.wav", codedWavBytes(7, 1, 8_000, 1, 8, Buffer.from([0xff, 0x80]))),
    ["WAV, 8000 Hz, 1 channel, 8-bit µ-law, 2 frames, 0.000 s, peak 0.980"],
  ],
  [
    "FLAC under another name",
    () => file("lossless.wav", flacBytes()),
    ["FLAC, 16000 Hz, 1 channel, 16-bit integer, 40 frames, 0.003 s, peak 0.500"],
  ],
  [
    "CIFAR-100's Python version",
    () => file("python/train", cifarPickleBytes([5, 5])),
    ["CIFAR-100 pickle, 2 images [3, 32, 32], fine labels 1 class: 5 × 2"],
  ],
  [
    "a CSV's rows and classes",
    () => file("a.csv", '"1","x"\n"2","y"\n"1","z"\n'),
    ["CSV, 3 rows of 2 fields", "first field: 2 classes: 1 × 2, 2 × 1"],
  ],
  [
    "a tar.gz's entries",
    () => file("a.tar.gz", gzipSync(tarBytes(entry))),
    ["archive, 1 file, 4 bytes unpacked", "entry a/b.txt 4 bytes"],
  ],
  [
    "a zip's entries, whatever its name",
    () => file("odd", zipBytes(entry)),
    ["archive, 1 file, 4 bytes unpacked", "entry a/b.txt 4 bytes"],
  ],
  [
    "an EmoEvaluation file's turns",
    () => file("e.txt", turns.join("\n")),
    [
      "EmoEvaluation, 2 turns, 2 classes: neu × 1, sad × 1",
      "turn Ses01F_impro01_F000 0.0000–1.5000 s neu",
      "turn Ses01F_impro01_F001 1.0000–2.5000 s sad",
    ],
  ],
  [
    "CIFAR records",
    () => file("train.bin", Buffer.alloc(2 * 3074, 5)),
    ["CIFAR-100 records, 2 images [3, 32, 32], fine labels 1 class: 5 × 2"],
  ],
  [
    "an adapter",
    () =>
      dirname(
        (file("lora/adapter_config.json", JSON.stringify(adapter)),
        file("lora/adapter_model.safetensors", weights)),
      ),
    [
      'adapter, type LORA, rank 8, alpha 16, modules ["q_proj"], base m',
      "adapter_model.safetensors: safetensors, 2 tensors, 9 values",
      "adapter_model.safetensors: metadata about: {}",
      "adapter_model.safetensors: tensor layer.0 F32 [2, 3]",
      "adapter_model.safetensors: tensor labels I32 [3]",
      "adapter_model.safetensors: labels 1 class: 0 × 3",
    ],
  ],
  [
    "IEMOCAP's sessions",
    () =>
      join(file("IEMOCAP/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", turns.join("\n")), "../../../.."),
    ["IEMOCAP, 1 sessions", "Session1: 1 dialogues, 2 turns"],
  ],
];
for (const [what, make, expected] of cases)
  test(`shows ${what}`, async () => {
    const path = make();
    assert.deepEqual(await inspect([path]), { lines: expected.map((line) => `${path}: ${line}`), ok: true });
  });

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const integers = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);
/** A feature file of two items, one layer and two features. */
const featureFile = (name: string, hidden: Buffer) => {
  const tensors = [
    { name: "features", dtype: "F32", shape: [2, 1, 2], bytes: hidden },
    { name: "labels", dtype: "I32", shape: [2], bytes: integers(0, 1) },
    { name: "split", dtype: "I32", shape: [2], bytes: integers(0, 1) },
  ] as const;
  return file(name, Buffer.concat([safetensorsHeader(tensors), ...tensors.map(({ bytes }) => bytes)]));
};

test("a feature file's hidden states by layer; one with NaN is refused with its place", async () => {
  const [good, bad] = [
    featureFile("good.safetensors", floats(3, 4, 4, -3)),
    featureFile("nan.safetensors", floats(3, 4, 4, NaN)),
  ];
  const { lines, ok } = await inspect([good, bad]);
  assert.equal(ok, false);
  assert.match(lines.at(-4)!, /: hidden states of 2 items by layer: norm of an item; /);
  assert.deepEqual(lines.slice(-3), [
    `${good}: layer  norm  mean    sd  distance  largest    top 4  cosine  logits`,
    `${good}:     1     5     2  2.92      3.54        4  100.0 %   0.000    4.42`,
    `${bad}: error: not a usable feature file: "item 1" has 1 NaN or Inf, the first (NaN) at [0, 1]; make it again (npx daam features)`,
  ]);
});

test("the shipped feature files show every layer", async () => {
  const { lines, ok } = await inspect(
    ["speech", "text", "vision"].map((task) => `data/features/${task}.safetensors`),
  );
  assert.equal(ok, true);
  const vision = lines.filter((line) => line.startsWith("data/features/vision")).slice(-12);
  // numpy on the same file: norm, mean, sd, distance, largest, share, cosine, logits of layers 1 and 12
  assert.match(vision[0]!, /: +1 +0\.683 +0\.0011 +0\.0648 +0\.625 +0\.717 +18\.6 % +0\.372 +0\.00179$/);
  assert.match(vision[11]!, /: +12 +1\.13 +0\.000363 +0\.103 +1\.09 +0\.803 +12\.4 % +0\.155 +0\.00496$/);
});

/** The pickle of two tensors inside another dictionary, under these keys. */
const nested = (...keys: string[]) => {
  const inner = pickleBytes().subarray(2, -1);
  const items = keys.flatMap((key) => [
    Buffer.from([0x8c, key.length]),
    Buffer.from(key),
    inner,
    Buffer.from("s"),
  ]);
  return pytorchBytes(Buffer.concat([Buffer.from([0x80, 2]), Buffer.from("}"), ...items, Buffer.from(".")]));
};

test("a model's tensors inside a training checkpoint, or what there is instead", async () => {
  const tensors = ["PyTorch checkpoint, 2 tensors", "tensor a F32 [2, 3]", "tensor b F32 [4]"];
  for (const keys of [["model"], ["ema", "model"], ["net"]]) {
    const path = file("nested.bin", nested(...keys));
    assert.deepEqual(
      (await inspect([path])).lines,
      tensors.map((line) => `${path}: ${line}`),
    );
  }
  const two = file("two.bin", nested("generator", "critic"));
  const none = file("none.bin", pytorchBytes(Buffer.from("\x80\x02}\x8c\x05epochK\x03s.", "latin1")));
  const { lines, ok } = await inspect([two, none]);
  assert.equal(ok, false);
  assert.match(lines[0]!, /several dictionaries of tensors \("generator", "critic"\); save the model's/);
  assert.match(lines[1]!, /holds no tensors by name, but "epoch"; save/);
});

test("a folder's checkpoint is opened as encoders open it; other files do not count against it", async () => {
  const copy = (name: string, from: string) => {
    cpSync(join("test/fixtures/reference", from), join(root, name), { recursive: true });
    return join(root, name);
  };
  const good = copy("good", "llama_sharded");
  const evil = pytorchBytes(Buffer.from("cposix\nsystem\n.", "latin1"));
  file("good/training_args.bin", evil);
  const shown = await inspect([good]);
  assert.equal(shown.ok, true);
  assert.match(shown.lines[0]!, /: checkpoint, model llama, \d+ layers/);
  assert.ok(shown.lines.some((line) => line.startsWith(`${good}: model-00002-of-00002.safetensors: tensor`)));
  assert.ok(
    shown.lines.some((line) =>
      line.startsWith(
        `${good}: training_args.bin: no part of the checkpoint, and not read: not a checkpoint`,
      ),
    ),
  );
  const missing = copy("missing", "llama_sharded");
  rmSync(join(missing, "model-00002-of-00002.safetensors"));
  const misfit = copy("misfit", "llama");
  const config = JSON.parse(readFileSync(join(misfit, "config.json"), "utf8"));
  file("misfit/config.json", JSON.stringify({ ...config, intermediate_size: 4096 }));
  const empty = copy("no-model", "llama");
  file("no-model/config.json", "{}");
  const cut = copy("cut", "llama");
  truncateSync(join(cut, "model.safetensors"), 5000);
  const refused = await inspect([missing, misfit, empty, cut]);
  assert.equal(refused.ok, false);
  [
    `${missing}: error: ${missing}/model-00002-of-00002.safetensors cannot be opened (ENOENT)`,
    `${misfit}: error: tensor "model.layers.0.mlp.gate_proj.weight" is`,
    `${empty}: error: unknown model_type in`,
    `${cut}: error: ${cut}/model.safetensors is not a readable safetensors file`,
  ].forEach((start, i) => assert.ok(refused.lines[i]!.startsWith(start), refused.lines[i]));
});

test("a refused file is named and the others go on", async () => {
  const bad = [
    [
      file("cut.wav", wavBytes([[0, 1]], 16_000, 16).subarray(0, -1)),
      "not a readable WAV file: its data chunk claims",
    ],
    [file("bad.safetensors", "no"), "not a readable safetensors file: 2 bytes"],
    [file("bad.zip", "PK and no more"), "not a readable archive"],
    [file("other.wav", zipBytes(entry)), "not a readable WAV file: it does not begin with RIFF"],
    [file("unknown.xyz", "?"), "of no known kind; read are safetensors, WAV or FLAC"],
    [file("empty.csv", ""), "empty: fetch it again"],
    [
      file("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\nsize 5\n"),
      "a git-LFS pointer",
    ],
    [file("page.zip", "<!DOCTYPE html><title>Sign in</title>"), 'an HTML page ("Sign in")'],
    [file("set.zip.crdownload", "PK"), "an unfinished download of 2 bytes"],
    [file("song.wav", "OggS and more"), "an Ogg file"],
    [
      file("evil.bin", pytorchBytes(Buffer.from("\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.", "latin1"))),
      'not a checkpoint that can be read safely: it asks for "posix.system"',
    ],
    [join(root, "nothing.wav"), "not there"],
    [dirname(file("plain/readme", "x")), "holds neither adapter_config.json"],
    [dirname(file("broken/config.json", "{")), "config.json is not a JSON object"],
  ] as const;
  const good = file("good.wav", wavBytes([[0, 1]], 16_000, 16));
  const { lines, ok } = await inspect([...bad.map(([path]) => path), good]);
  assert.equal(ok, false);
  assert.equal(lines.length, bad.length + 1);
  bad.forEach(([path, why], i) => assert.ok(lines[i]!.startsWith(`${path}: error: ${why}`), lines[i]));
  assert.ok(lines.at(-1)!.startsWith(`${good}: WAV`));
});

test("names inside a file cannot steer the terminal", async () => {
  const path = file("escape.tar", tarBytes([{ name: "a\u001b[2Jb", bytes: Buffer.from("x") }]));
  const { lines } = await inspect([path]);
  assert.equal(lines[1], `${path}: entry a\\u001b[2Jb 1 byte`);
});
