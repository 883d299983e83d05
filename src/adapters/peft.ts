import { existsSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import * as tf from "@tensorflow/tfjs";
import type { Tensors } from "../parameters.js";
import { Config } from "../encoders/config.js";
import type { Encoder } from "../encoders/encoder.js";
import { checkNeeds, type Needs } from "../encoders/weights.js";
import { UserError } from "../errors.js";
import { guard, writeWhole } from "../files.js";
import { safetensorsOf } from "../formats/safetensors.js";
import { baseChanges, encoderNeeds } from "./base-changes.js";
import { scaleOf, type LowRankForm, type LowRankUpdate } from "./low-rank.js";
import { formsOf, hasOtherHead, isOn, isSaved, refuseUnsupported } from "./peft-config.js";
import { openAdapterFile, PREFIX, split, WEIGHTS, type AdapterFile } from "./peft-file.js";
import { updateOf } from "./peft-update.js";

/** An update, and the tensors of the encoder's head that are new with it, trained or not, as `Encoder.logits` takes them. */
export interface Adapter extends LowRankUpdate {
  head: Tensors;
}

const CONFIG = "adapter_config.json";

/**
 * Reads an adapter as peft 0.21 writes it; its names may be those of published checkpoints or transformers' newer ones. What it
 * brings besides its update (biases, embeddings, a norm) takes the place of the encoder's own, until another adapter is read.
 * @returns tensors on the current backend, the caller's to dispose
 * @throws UserError for a setting that is not supported, which it names, a damaged file, or an adapter of another encoder.
 */
export async function loadAdapter(folder: string, encoder: Encoder): Promise<Adapter> {
  const config = Config.read(folder, CONFIG);
  refuseUnsupported(config);
  const file = await openAdapterFile(folder, encoder);
  const { form, update } = updateOf(config, file, encoder);
  const head = headOf(config, file, encoder);
  const handled = { ...update, ...head };
  checkFile(folder, config, file, handled);
  checkBiases(config, file, encoder, update);
  encoder.replace(baseChanges(folder, config, file, encoder, handled, head !== undefined));
  const read = (name: string) => {
    const { data, shape, dtype } = file.tensors.get(name)!.read();
    return tf.tensor(data, shape, dtype);
  };
  const { of } = formsOf(config);
  const evened = (name: string) => {
    const [module, part] = split(name);
    const { rank, scale } = of(file.called(module));
    return tf.tidy(() => even(read(name), part, { rank: form.rank - rank, scale: scale / scaleOf(form) }));
  };
  const each = (names: object, make: (name: string) => tf.Tensor): Tensors =>
    Object.fromEntries(Object.keys(names).map((name) => [name, make(name)]));
  return { form, parameters: each(update, evened), head: each(head ?? {}, read) };
}

/** @throws UserError for a tensor that is missing or has another shape, with the settings that ask for it. */
function checkFile(folder: string, config: Config, { tensors }: AdapterFile, needs: Needs): void {
  try {
    checkNeeds(folder, tensors, needs);
  } catch (error) {
    const patterns = ["rank_pattern", "layers_to_transform", "exclude_modules"].filter((field) =>
      isOn(config, field),
    );
    if (!(error instanceof UserError) || !patterns.length) throw error;
    throw new UserError(`${error.message} (${patterns.join(" and ")} in ${CONFIG} counted in)`);
  }
}

/** A or B at the rank and scale of the whole update: zeros fill it up, and B takes the scale. */
function even(tensor: tf.Tensor, part: string, missing: { rank: number; scale: number }): tf.Tensor {
  const zeros: [number, number] = [0, missing.rank];
  const isA = part === "lora_A.weight";
  const filled = missing.rank ? tensor.pad(isA ? [zeros, [0, 0]] : [[0, 0], zeros]) : tensor;
  return isA || missing.scale === 1 ? filled : filled.mul(missing.scale);
}

/** What of the file is a new head of the encoder: the modules of it that were saved; undefined where it is another class's. */
function headOf(config: Config, { tensors }: AdapterFile, encoder: Encoder): Needs | undefined {
  const { architecture, blueprint, classes } = encoder;
  const { needs } = blueprint.head(tensors.get(architecture.classifier)?.shape[0] ?? classes);
  const modules = new Set(Object.keys(needs).map(moduleOf));
  const isMore = [...tensors.keys()].some(
    (name) => modules.has(moduleOf(name)) && !Object.hasOwn(needs, name),
  );
  const saved = isSaved(config);
  if (hasOtherHead(config, architecture.withHead) || isMore) return undefined;
  return Object.fromEntries(
    Object.entries(needs).filter(
      ([name]) => saved(moduleOf(name)) && tensors.has(`${moduleOf(name)}.weight`),
    ),
  );
}

/** @throws UserError where biases that were trained are not in the file. */
function checkBiases(config: Config, { path, tensors }: AdapterFile, encoder: Encoder, update: Needs): void {
  if (config.choice("bias", ["none", "all", "lora_only"], "none") === "none") return;
  const needs = encoderNeeds(encoder);
  const lost = Object.keys(update)
    .map((name) => `${split(name)[0]}.bias`)
    .find((name) => Object.hasOwn(needs, name) && !tensors.has(name));
  if (lost)
    throw new UserError(
      `${path} lacks tensor ${JSON.stringify(lost)}, which was trained as bias (${JSON.stringify(config.fields["bias"])}) says; some ` +
        'versions of peft did not save it: with "none" in adapter_config.json it is read without, as peft then does',
    );
}

const moduleOf = (tensor: string) => tensor.replace(/\.(weight|bias)$/, "");

/**
 * Writes an adapter as peft 0.21 does, for the encoder in the names of the published checkpoints. The published scaling, which
 * peft does not know, is written as the standard one with α · rank: the same update.
 * @throws UserError where the folder cannot be written.
 */
export async function saveAdapter(
  folder: string,
  { form, parameters, head }: Adapter,
  encoder: Encoder,
): Promise<void> {
  const tensors = await Promise.all(
    Object.entries({ ...parameters, ...head }).map(async ([name, tensor]) => {
      const data = (await tensor.data()) as Float32Array;
      return [PREFIX + name, { shape: tensor.shape, data }] as const;
    }),
  );
  tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  // without its configuration a folder is no adapter: an old one never stands beside new weights
  const path = join(folder, CONFIG);
  if (existsSync(path)) guard(path, () => rmSync(path));
  writeWhole(join(folder, WEIGHTS[0]), safetensorsOf(tensors, { format: "pt" }));
  writeWhole(path, `${JSON.stringify(configOf(form, head, encoder), null, 2)}\n`);
}

/** Every field of peft 0.21's LoraConfig, sorted. */
function configOf({ rank, alpha, scaling, targets }: LowRankForm, head: Tensors, encoder: Encoder): object {
  const { modelType, architecture } = encoder;
  const saved = [...new Set(Object.keys(head).map(moduleOf))];
  return {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    arrow_config: null,
    auto_mapping: {
      base_model_class: architecture.withHead,
      parent_library: `transformers.models.${modelType}.modeling_${modelType}`,
    },
    base_model_name_or_path: basename(resolve(encoder.folder)),
    bias: "none",
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    kasa_config: null,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: scaling === "published" ? alpha * rank : alpha,
    lora_bias: false,
    lora_dropout: 0,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: "megatron.core",
    modules_to_save: saved.length ? saved : null,
    monteclora_config: null,
    peft_type: "LORA",
    peft_version: "0.21.0",
    qalora_group_size: 16,
    r: rank,
    rank_pattern: {},
    revision: null,
    target_modules: [...targets],
    target_parameters: null,
    task_type: null,
    trainable_token_indices: null,
    use_bdlora: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: scaling === "rank-stabilised",
    velora_config: null,
  };
}
