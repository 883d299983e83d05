import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs";
import { AudioInput } from "#src/encoders/audio-input.js";
import { openEncoder, type EncoderInput } from "#src/encoders/encoder.js";
import { ImageInput } from "#src/encoders/image-input.js";
import { TextInput } from "#src/encoders/text-input.js";
import { readSafetensors, type HostTensor } from "#src/formats/safetensors.js";
import { relativeL2 } from "#src/parity/reference.js";

// Raw inputs of the three data sets and hidden states 0, 6 and 12 that transformers 5.18 computes from the shipped weights.
const sample = (name: string) => readSafetensors(`test/fixtures/samples/${name}.safetensors`).tensors;
const tolerance = 1e-3;

test.before(async () => void (await tf.setBackend("wasm")));

async function assertStates(
  name: string,
  input: EncoderInput,
  expected: Map<string, HostTensor>,
  prefix = "",
) {
  const encoder = await openEncoder(`data/encoders/${name}`);
  await encoder.stream([input], async ({ hidden }, index) => {
    const reference = expected.get(`${prefix}hidden.${index}`);
    if (!reference) return;
    const error = relativeL2(await hidden.data(), reference.data);
    assert.ok(error <= tolerance, `${prefix}hidden.${index}: relative L2 ${error}`);
  });
}

test("wavlm-mini: a recording to hidden states", async () => {
  const expected = sample("speech");
  const wave = Float32Array.from(expected.get("0.pcm16")!.data, (value) => value / 32768);
  const input = AudioInput.open("data/encoders/wavlm-mini").prepare([wave], 16000);
  await assertStates("wavlm-mini", input, expected, "0.");
});

test("llama-mini: a text to tokens to hidden states", async () => {
  const expected = sample("text");
  const tokens = TextInput.open("data/encoders/llama-mini");
  for (const item of [0, 1, 2, 3]) {
    const text = Buffer.from(expected.get(`${item}.text_utf8`)!.data).toString("utf8");
    const input = tokens.prepare([text], 256);
    assert.deepEqual([...input.values.data], [...expected.get(`${item}.input_ids`)!.data]);
    await assertStates("llama-mini", input, expected, `${item}.`);
  }
});

test("beit-mini: images to hidden states", async () => {
  const expected = sample("vision");
  const { data } = expected.get("pixels_u8")!;
  const images = [0, 1, 2, 3].map((i) => ({
    data: Uint8Array.from(data.subarray(3072 * i, 3072 * (i + 1))),
    height: 32,
    width: 32,
  }));
  await assertStates("beit-mini", ImageInput.open("data/encoders/beit-mini").prepare(images), expected);
});
