import { existsSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import * as tf from "@tensorflow/tfjs";
import type { Tensors } from "../parameters.js";
import { Config } from "../encoders/config.js";
import type { Encoder } from "../encoders/encoder.js";
import { publishedNames } from "../encoders/names.js";
import { checkNeeds, type Needs } from "../encoders/weights.js";
import { UserError } from "../errors.js";
import { guard, writeWhole } from "../files.js";
import { openTensorFile } from "../formats/checkpoint.js";
import type { Checkpoint } from "../formats/stored-tensor.js";
import { safetensorsOf } from "../formats/safetensors.js";
import {
  endsIn,
  lowRankParameters,
  projectionNames,
  withoutLayer,
  type LowRankForm,
  type LowRankUpdate,
} from "./low-rank.js";

/** An update, and the tensors of the encoder's head that are new with it, trained or not, as `Encoder.logits` takes them. */
export interface Adapter extends LowRankUpdate {
  head: Tensors;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
/** What peft puts before a model's own names. */
const PREFIX = "base_model.model.";

/** Fields that are read, or that change nothing once an adapter is trained; any other must be off (null, false or empty). */
const harmless = new Set([
  "peft_type",
  "r",
  "lora_alpha",
  "use_rslora",
  "target_modules",
  "modules_to_save",
  "bias",
  "init_lora_weights",
  "auto_mapping",
  "base_model_name_or_path",
  "inference_mode",
  "lora_dropout",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "task_type",
]);

/**
 * Reads an adapter as peft 0.21 writes it; its names may be those of published checkpoints or transformers' newer ones.
 * @returns tensors on the current backend, the caller's to dispose
 * @throws UserError for a setting that is not supported, which it names, a damaged file, or an adapter of another encoder.
 */
export async function loadAdapter(folder: string, encoder: Encoder): Promise<Adapter> {
  const config = Config.read(folder, CONFIG);
  refuseUnsupported(config);
  const form: LowRankForm = {
    rank: config.count("r"),
    alpha: config.number("lora_alpha"),
    scaling: config.flag("use_rslora", false) ? "rank-stabilised" : "standard",
    targets: [...new Set(names(config, "target_modules").flatMap((name) => publishedTargets(name, encoder)))],
  };
  const stored = await storedTensors(join(folder, WEIGHTS), encoder);
  const update = updateOf(config, form, encoder);
  const saved = config.has("modules_to_save") ? names(config, "modules_to_save") : [];
  const classes = stored.get(encoder.architecture.classifier)?.shape[0] ?? encoder.classes;
  const head: Needs = Object.fromEntries(
    Object.entries(encoder.blueprint.head(classes).needs).filter(([name]) => saved.includes(moduleOf(name))),
  );
  const wanted = { ...update, ...head };
  checkNeeds(folder, stored, wanted);
  const beyond = [...stored.keys()].find((name) => !Object.hasOwn(wanted, name));
  if (beyond !== undefined)
    throw new UserError(
      `${folder}: tensor ${JSON.stringify(beyond)} belongs to none of target_modules and to no head in modules_to_save that ` +
        `${encoder.folder} can have; is it another encoder's adapter?`,
    );
  const read = (part: object): Tensors =>
    Object.fromEntries(
      Object.keys(part).map((name) => {
        const { data, shape, dtype } = stored.get(name)!.read();
        return [name, tf.tensor(data, shape, dtype)];
      }),
    );
  return { form, parameters: read(update), head: read(head) };
}

/** A target in published names; one in newer names becomes ends of published ones that fit the same projections, or their whole names. */
function publishedTargets(target: string, { architecture: { newer }, blueprint }: Encoder): string[] {
  const all = projectionNames(blueprint);
  if (!newer || all.some((name) => endsIn(name, target))) return [target];
  const found = all.filter((name) => endsIn(newer(name), target));
  if (!found.length) return [target];
  const ends = [...new Set(found.map(withoutLayer))];
  const same = all.every((name) => found.includes(name) === ends.some((end) => endsIn(name, end)));
  return same ? ends : found;
}

function updateOf({ path }: Config, form: LowRankForm, { blueprint }: Encoder) {
  try {
    return lowRankParameters(form, blueprint);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${path}: target_modules: ${error.message}`);
  }
}

/** @throws UserError naming the first setting that would change what the adapter computes in a way that is not implemented. */
function refuseUnsupported(config: Config): void {
  config.choice("peft_type", ["LORA"]);
  config.choice("bias", ["none"], "none");
  // the others change the frozen weights too, and what was changed is not in the file
  config.choice("init_lora_weights", ["true", "false", "gaussian"], "true");
  for (const [field, value] of Object.entries(config.fields)) {
    if (harmless.has(field) || isOff(value)) continue;
    throw new UserError(
      `${config.path}: ${field} (${JSON.stringify(value).slice(0, 60)}) is not supported; train the adapter without it`,
    );
  }
}

function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false;
}

function names(config: Config, field: string): string[] {
  const value = config.fields[field];
  if (Array.isArray(value) && value.length && value.every((name) => typeof name === "string")) return value;
  throw new UserError(
    `${config.path}: ${field} (${JSON.stringify(value)?.slice(0, 60)}) is not supported; it must list modules by name`,
  );
}

/** The tensors by published name. */
async function storedTensors(path: string, encoder: Encoder): Promise<Checkpoint> {
  const stored = await openTensorFile(path);
  const foreign = [...stored.keys()].find((name) => !name.startsWith(PREFIX));
  if (foreign !== undefined)
    throw new UserError(
      `${path}: tensor ${JSON.stringify(foreign)} is not named as peft does, ${PREFIX}…; save the adapter with save_pretrained`,
    );
  return publishedNames(
    encoder.architecture,
    new Map([...stored].map(([name, tensor]) => [name.slice(PREFIX.length), tensor])),
    path,
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
  writeWhole(join(folder, WEIGHTS), safetensorsOf(tensors, { format: "pt" }));
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
