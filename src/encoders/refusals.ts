import { existsSync } from "node:fs";
import { join } from "node:path";
import { oneOf, UserError } from "../errors.js";
import type { Checkpoint } from "../formats/stored-tensor.js";
import type { Config } from "./config.js";
import { architectures } from "./registry.js";

/** @throws UserError for a folder that holds something else than an encoder. */
export function refuseOtherFolder(folder: string): void {
  const has = (name: string) => existsSync(join(folder, name));
  if (has("config.json")) return;
  if (has("adapter_config.json"))
    throw new UserError(`${folder} holds an adapter, no encoder: name its base model's folder`);
  if (has("params.json"))
    throw new UserError(
      `${folder} is in Meta's own layout (params.json): take the repository whose name ends in -hf, or convert it with transformers`,
    );
}

/** config.json's `model_type`. @throws UserError for one that is not implemented, with the nearest that is. */
export function modelTypeOf(config: Config): string {
  const modelType = String(config.fields["model_type"]);
  try {
    return oneOf(`model_type in ${config.path}`, modelType, Object.keys(architectures));
  } catch (error) {
    const near = Object.entries(architectures)
      .map(([name, { kin }]) => [name, kin.exec(modelType)?.[0].length ?? 0] as const)
      .sort(([, a], [, b]) => b - a)[0];
    if (!near?.[1]) throw error;
    throw new UserError(
      `${(error as Error).message}; the nearest to it is ${near[0]}: take a checkpoint of that architecture`,
    );
  }
}

/** @throws UserError for a model that was saved with an adapter in it. */
export function refuseUnmerged(folder: string, stored: Checkpoint): void {
  const part = [...stored.keys()].find((name) => /\.(lora_[AB]|lora_embedding_[AB]|base_layer)\b/.test(name));
  if (part)
    throw new UserError(
      `${folder} is a model saved with an adapter in it (tensor ${JSON.stringify(part)}): ` +
        "merge it in Python (model.merge_and_unload().save_pretrained(…)), or save base model and adapter apart",
    );
}

/** Dtypes of packed weights; those of token or position indices go by their names. */
const PACKED = /^(F4|F6|F8|I8|U8|I32|U32)/;
const INDEX = /ind(ex|ices)|_ids?$|num_batches/;
const remedies: Record<string, string> = {
  bitsandbytes: "take the checkpoint that it was made from, or load it in Python and save model.dequantize()",
  fp8: "take the bfloat16 checkpoint that it was made from, or load it in Python with FineGrainedFP8Config(dequantize=True) and save that",
};

/** @throws UserError for quantised weights, by the method that the config names or that their names tell. */
export function refuseQuantised(folder: string, config: Config, stored: Checkpoint): void {
  const packed = [...stored].find(([name, { dtype }]) => PACKED.test(dtype) && !INDEX.test(name));
  if (!packed) return;
  const [name, { dtype }] = packed;
  const settings = (config.fields["quantization_config"] ?? {}) as Record<string, unknown>;
  const method = String(
    settings["quant_method"] ??
      (/^F8/.test(dtype) ? "fp8" : /\.qweight$|\.qzeros$/.test(name) ? "gptq or awq" : "unnamed"),
  );
  throw new UserError(
    `${folder} holds quantised weights (${method}; tensor ${JSON.stringify(name)} is ${dtype}), which are not computed with: ` +
      (remedies[method] ?? "take the checkpoint that it was made from, in float16 or bfloat16"),
  );
}
