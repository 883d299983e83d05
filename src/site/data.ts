/** What the pages are given beside published results: hidden states, items to look at, WebAssembly. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { datasetNamed, type RawInput } from "../datasets/index.js";
import { UserError } from "../errors.js";
import { base64 } from "../experiments/outcome/outcome.js";
import { rawSettings, type Preset } from "../experiments/types.js";
import { findTask } from "../experiments/plan/tasks.js";
import { loadFeatures, summariseFeatures } from "../features/load.js";
import { readRawInputs } from "../features/raw-items.js";
import { balancedSubset } from "../features/select.js";
import { featuresFolder, repository } from "../folders.js";
import { readSafetensors } from "../formats/safetensors.js";
import type { SiteBinaries, SiteFeatures, SiteItems } from "./types.js";

/** The shipped hidden states of a task. */
export function siteFeatures(task: string): SiteFeatures {
  const { features: file, classes } = findTask(task);
  const path = join(featuresFolder, file);
  const { id, layers, features, labels, split, fold } = summariseFeatures(path, classes.length);
  const { tensors } = readSafetensors(path, ["q", "scale", "zero"]);
  return {
    id,
    layers,
    features,
    classes: classes.length,
    q: base64(Int8Array.from(tensors.get("q")!.data)),
    scale: base64(tensors.get("scale")!.data),
    zero: base64(tensors.get("zero")!.data),
    labels: base64(labels),
    ...(split && { split: base64(split) }),
    ...(fold && { fold: base64(fold) }),
  };
}

/** Test items with text or image, and those of them with hidden states. */
const SHOWN = 400;
const WITH_STATES = 24;

/**
 * Test items of the shipped hidden states, classes taking turns. Texts and images are there where raw data is; recordings are left out.
 * @param say takes a line on what was left out and why
 */
export async function siteItems(
  preset: Preset,
  task: string,
  say: (line: string) => void,
): Promise<SiteItems> {
  const { features: file, classes, split } = findTask(task);
  const path = join(featuresFolder, file);
  const states = loadFeatures(path, classes.length);
  const side = split === "folds" ? states.fold! : states.split!;
  const test = [...side.keys()].filter((i) => split === "folds" || side[i] === 1);
  const shown = balancedSubset(states.labels, test, SHOWN);
  const withStates = new Set(balancedSubset(states.labels, shown, WITH_STATES));
  const settings = rawSettings(preset.tasks[task]!);
  const { input, licence } = datasetNamed(settings!.dataset);
  const raw = await rawOf();
  const looks = await Promise.all(shown.map((_, i) => lookOf(raw?.[i])));
  return {
    layers: states.layers,
    features: states.features,
    terms: raw ? licence : "",
    items: shown.map((position, i) => ({
      position,
      label: states.labels[position]!,
      ...(withStates.has(position) && {
        states: Array.from(states.read([position]), (value) => Number(value.toPrecision(4))),
      }),
      ...looks[i],
    })),
  };

  async function rawOf(): Promise<RawInput[] | undefined> {
    if (input === "audio") return undefined;
    try {
      return await readRawInputs(states, settings!, shown);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      say(`${task}: items are shown without their ${input}: ${error.message}`);
      return undefined;
    }
  }
}

async function lookOf(raw: RawInput | undefined): Promise<{ text?: string; image?: string }> {
  if (raw?.kind === "text") return { text: raw.text };
  if (raw?.kind !== "image") return {};
  const { data, width, height } = raw;
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    return data[channel * width * height + pixel]!;
  });
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return { image: `data:image/png;base64,${png.toString("base64")}` };
}

export function siteBinaries(): SiteBinaries {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out");
  const tfjs = (name: string) => readFileSync(join(folder, `tfjs-backend-wasm-${name}`));
  const kernels = (name: string) =>
    readFileSync(join(repository, "dist", "backend", name)).toString("base64");
  const { wasmWorkerContents } = require(join(folder, "tfjs-backend-wasm-threaded-simd.worker.js")) as {
    wasmWorkerContents: string;
  };
  return {
    tfjs: tfjs("simd.wasm").toString("base64"),
    kernels: kernels("kernels-single.wasm"),
    threads: {
      tfjs: tfjs("threaded-simd.wasm").toString("base64"),
      kernels: kernels("kernels.wasm"),
      program: tfjs("threaded-simd.js").toString("utf8"),
      worker: wasmWorkerContents.replace(/\n/g, "\\n"),
    },
  };
}
