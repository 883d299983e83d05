import { join } from "node:path";
import { AudioInput } from "../encoders/audio-input.js";
import { openEncoder, type EncoderInput } from "../encoders/encoder.js";
import { stream } from "../encoders/stream.js";
import { ImageInput } from "../encoders/image-input.js";
import { TextInput } from "../encoders/text-input.js";
import { oneOf, UserError } from "../errors.js";
import { repository } from "../folders.js";
import type { HostTensor } from "../formats/safetensors.js";
import { Reference, relativeL2, type Comparison } from "./reference.js";

/** Tolerance of hidden states from raw inputs: relative L2. */
const SAMPLE = 1e-3;
/** Hz, of the recordings */
const RATE = 16_000;
/** ids of a text that the encoder was trained on at most */
const MAX_TOKENS = 256;

interface Task {
  /** the shipped encoder */
  encoder: string;
  /** the array of an item's raw input (of all items where the file does not number them) */
  raw: string;
  prepare(raw: HostTensor, folder: string): EncoderInput;
}

const tasks: Record<string, Task> = {
  speech: {
    encoder: "wavlm-mini",
    raw: "pcm16",
    prepare: ({ data }, folder) =>
      AudioInput.open(folder).prepare([Float32Array.from(data, (value) => value / 32768)], RATE),
  },
  text: {
    encoder: "llama-mini",
    raw: "text_utf8",
    prepare: ({ data }, folder) =>
      TextInput.open(folder).prepare([Buffer.from(data).toString("utf8")], MAX_TOKENS),
  },
  vision: {
    encoder: "beit-mini",
    raw: "pixels_u8",
    prepare: ({ data, shape: [n, , height, width] }, folder) => {
      const size = data.length / n!;
      const images = Array.from({ length: n! }, (_, i) => ({
        data: Uint8Array.from(data.subarray(i * size, (i + 1) * size)),
        height: height!,
        width: width!,
      }));
      return ImageInput.open(folder).prepare(images);
    },
  },
};

/**
 * Computes the hidden states in `<task>-sample.safetensors` from its raw inputs, with the shipped encoder of the task. Prepared
 * inputs that the file holds are compared too; token ids must be equal.
 * @throws UserError for an unknown task, or a file without raw inputs or hidden states of that encoder.
 */
export async function checkSample(path: string, task: string): Promise<Comparison[]> {
  const { encoder: name, raw, prepare } = tasks[oneOf(`task of ${path}`, task, Object.keys(tasks))]!;
  const expected = new Reference(path);
  const folder = join(repository, "data", "encoders", name);
  const encoder = await openEncoder(folder);
  const items = expected.names().filter((array) => array === raw || array.endsWith(`.${raw}`));
  const prefixes = items.map((array) => array.slice(0, -raw.length));
  const inputs = items.map((array) => prepare(expected.host(array), folder));
  const compared: Comparison[] = [];
  inputs.forEach(({ values }, item) => {
    const quantity = prefixes[item] + encoder.inputName;
    if (!expected.has(quantity)) return;
    const difference = relativeL2(values.data, expected.host(quantity).data);
    const error = values.dtype === "int32" && difference > 0 ? Infinity : difference;
    compared.push({ quantity, error, tolerance: SAMPLE });
  });
  let states = 0;
  await stream(encoder, inputs, async ({ hidden }, index, item) => {
    const quantity = `${prefixes[item]}hidden.${index}`;
    if (!expected.has(quantity)) return;
    states++;
    const error = relativeL2(await hidden.data(), expected.host(quantity).data);
    compared.push({ quantity, error, tolerance: SAMPLE });
  });
  const given = expected.names().filter((array) => /(^|\.)hidden\.\d+$/.test(array)).length;
  if (states === 0 || states !== given)
    throw new UserError(
      `${path} holds ${given} hidden states, of which ${name} gives ${states} from its ${items.length} raw inputs ("${raw}"): ` +
        "fetch the sample again",
    );
  return compared;
}
