import type { Architecture } from "../encoders/architecture.js";
import type { Config } from "../encoders/config.js";
import { UserError } from "../errors.js";
import { endsIn, scaleOf, type LowRankForm, type Scaling } from "./low-rank.js";

/** What makes of any adapter that peft can merge a checkpoint that is read. */
export const MERGE =
  "merge it in Python, PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder), and name that folder";

/** Fields that are read, or that change nothing once an adapter is trained; any other must be off (null, false or empty). */
const harmless = new Set([
  "peft_type",
  "r",
  "lora_alpha",
  "use_rslora",
  "rank_pattern",
  "alpha_pattern",
  "target_modules",
  "exclude_modules",
  "layers_to_transform",
  "layers_pattern",
  "modules_to_save",
  "trainable_token_indices",
  "bias",
  "init_lora_weights",
  "auto_mapping",
  "base_model_name_or_path",
  "corda_config",
  "ensure_weight_tying",
  "eva_config",
  "fan_in_fan_out", // peft turns it off for linear layers, which all are here
  "inference_mode",
  "loftq_config",
  "lora_dropout",
  "lora_ga_config",
  "megatron_core",
  "merge_weights",
  "peft_version",
  "qalora_group_size",
  "revision",
  "task_type",
]);

/** Initialisations of A and B that leave the frozen weights as they are. */
const initialisations = ["true", "false", "gaussian", "eva", "orthogonal", "mica"];
/** Those that take a part out of the frozen weights, which then is in the adapter alone. */
const subtracting = /^(pissa|olora|corda|lora_ga)/i;
/** Kinds of adapters that add tokens or layers, not numbers to weights. */
const unmergeable = /PROMPT|P_TUNING|PREFIX|ADAPTION|CPT|CARTRIDGE|XLORA|POLY/;

/** @throws UserError naming the first setting that would change what the adapter computes in a way that is not implemented. */
export function refuseUnsupported(config: Config): void {
  const { path, fields } = config;
  const said = (field: string) => `${field} (${JSON.stringify(fields[field])?.slice(0, 60)})`;
  if (fields["peft_type"] !== "LORA")
    throw new UserError(
      `${path}: ${said("peft_type")} is not supported, only LORA; ` +
        (unmergeable.test(String(fields["peft_type"]))
          ? "no weights hold what it does; train a LoRA adapter"
          : MERGE),
    );
  config.choice("bias", ["none", "all", "lora_only"], "none");
  const initial = String(fields["init_lora_weights"] ?? true);
  if (subtracting.test(initial))
    throw new UserError(
      `${path}: ${said("init_lora_weights")} changed the base weights too, and those are not in the adapter (with true here instead ` +
        "its logits would be wrong): convert it in Python with model.save_pretrained(folder, path_initial_model_for_weight_conversion=" +
        "the adapter as it was before training), or merge it there with model.merge_and_unload()",
    );
  if (!initialisations.includes(initial.toLowerCase()))
    throw new UserError(
      `${path}: ${said("init_lora_weights")} is not supported: it may have changed the base weights too; merge it in Python, where it was ` +
        "trained, with model.merge_and_unload()",
    );
  for (const field of Object.keys(fields)) {
    if (harmless.has(field) || isOff(fields[field])) continue;
    throw new UserError(
      `${path}: ${said(field)} is not supported; ` +
        (field === "alora_invocation_tokens"
          ? "it acts on a part of a text alone; train the adapter without it"
          : MERGE),
    );
  }
}

function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false;
}

export const isOn = ({ fields }: Config, field: string) => !isOff(fields[field] ?? null);

/** A list of modules by name; none where the field is off. */
export function listOf(config: Config, field: string): string[] {
  if (!isOn(config, field)) return [];
  const value = config.fields[field];
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw new UserError(
    `${config.path}: ${field} (${JSON.stringify(value).slice(0, 60)}) is not supported; it must list modules by name`,
  );
}

/** The form that the config gives, and what a module's differs from it by `rank_pattern` and `alpha_pattern`. */
export function formsOf(config: Config): {
  form: Omit<LowRankForm, "targets">;
  of(module: string): { rank: number; scale: number };
} {
  const scaling: Scaling = config.flag("use_rslora", false) ? "rank-stabilised" : "standard";
  const form = { rank: config.count("r"), alpha: config.number("lora_alpha"), scaling };
  const patterned = (field: string, module: string, fallback: number) => {
    const patterns = (config.fields[field] ?? {}) as Record<string, unknown>;
    const key = Object.keys(patterns).find((key) => wholePattern(`(?:.*\\.)?(?:${key})`)?.test(module));
    if (key === undefined) return fallback;
    const value = patterns[key];
    if (typeof value !== "number" || !(value > 0))
      throw new UserError(
        `${config.path}: ${field} gives ${module} ${JSON.stringify(value)} and must give a positive number`,
      );
    return value;
  };
  return {
    form,
    of: (module) => {
      const rank = patterned("rank_pattern", module, form.rank);
      const alpha = patterned("alpha_pattern", module, form.alpha);
      return { rank, scale: scaleOf({ ...form, rank, alpha }) };
    },
  };
}

/** Python's expression at the beginning of a name; undefined where JavaScript cannot read it. */
function pythonPattern(source: string): RegExp | undefined {
  const translated = source.replace("(?i)", "").replaceAll("(?P<", "(?<");
  try {
    return new RegExp(`^(?:${translated})`, source.includes("(?i)") ? "i" : "");
  } catch {
    return undefined;
  }
}

/** The same for whole names. */
const wholePattern = (source: string) => pythonPattern(`(?:${source})$`);

/** Whether `target_modules` alone, as a list, does not say what is targeted. */
export const picksLayers = (config: Config) =>
  typeof config.fields["target_modules"] === "string" ||
  ["exclude_modules", "layers_to_transform"].some((field) => isOn(config, field));

/**
 * Which projections the config targets, as peft 0.21 decides, by any of the names that they have had.
 * @returns undefined where that cannot be told: an expression that JavaScript cannot read
 */
export function targets(
  config: Config,
  { newer, prefix }: Pick<Architecture, "newer" | "prefix">,
): ((projection: string) => boolean) | undefined {
  const { target_modules: wanted, layers_to_transform: layers } = config.fields;
  const matcher = (field: string): ((name: string) => boolean) | undefined => {
    const value = config.fields[field];
    if (value === "all-linear") return () => true;
    if (typeof value !== "string") {
      const names = listOf(config, field);
      return (name) => names.some((end) => endsIn(name, end));
    }
    const pattern = wholePattern(value);
    return pattern && ((name) => pattern.test(name));
  };
  const [included, excluded] = [matcher("target_modules"), matcher("exclude_modules")];
  if (!included || !excluded) return undefined;
  // what is saved whole is not adapted
  const saved = listOf(config, "modules_to_save");
  const isLeftOut = (name: string) =>
    excluded(name) || saved.some((module) => `.${name}.`.includes(`.${module}.`));
  const indices = layers === null || layers === undefined ? [] : [layers].flat();
  const layerPatterns = [config.fields["layers_pattern"] ?? []].flat().map(String);
  const inLayers = (name: string) => {
    if (!indices.length || typeof wanted === "string") return true;
    const found = (layerPatterns.length ? layerPatterns : ["[^.]*"])
      .map((pattern) => pythonPattern(`(?:.*?\\.)?${pattern}\\.(\\d+)\\.`)?.exec(name)?.[1])
      .find((index) => index !== undefined);
    return found !== undefined && indices.includes(Number(found));
  };
  const spellings = (projection: string) =>
    [projection, newer?.(projection) ?? projection].flatMap((name) =>
      name.startsWith(prefix) ? [name, name.slice(prefix.length)] : [name],
    );
  return (projection) =>
    spellings(projection).some((name) => included(name) && inLayers(name)) &&
    !spellings(projection).some(isLeftOut);
}

/** Whether a module is one of `modules_to_save` or lies in one: as peft decides, by the end of a name. */
export function isSaved(config: Config): (module: string) => boolean {
  const saved = listOf(config, "modules_to_save");
  return (module) => {
    const outer = module.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."));
    return outer.some((name) => saved.some((end) => name.endsWith(end)));
  };
}

/** Whether the adapter was trained with another head than that of `withHead`. */
export function hasOtherHead({ fields }: Config, withHead: string): boolean {
  const { base_model_class: named } = (fields["auto_mapping"] ?? {}) as Record<string, unknown>;
  if ((fields["task_type"] ?? "SEQ_CLS") !== "SEQ_CLS") return true;
  return typeof named === "string" && named !== withHead && !named.endsWith("Model");
}

/** The trained tokens of an embedding. @throws UserError for what is no list of ids, or none of that module. */
export function tokenIndices(config: Config, module: string): number[] {
  const value = config.fields["trainable_token_indices"];
  const named = Array.isArray(value) ? { [module]: value } : ((value ?? {}) as Record<string, unknown>);
  const list = Object.entries(named).find(([end]) => endsIn(module, end))?.[1];
  if (Array.isArray(list) && list.every((id) => Number.isSafeInteger(id) && id >= 0)) return list;
  throw new UserError(
    `${config.path}: trainable_token_indices (${JSON.stringify(value)?.slice(0, 60)}) gives no ids of ${module}, whose trained tokens are there`,
  );
}
