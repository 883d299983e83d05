import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { parseEmoEvaluation } from "../formats/emo-evaluation.js";
import { readBounded } from "../formats/read.js";
import { fileInspectors } from "./files.js";

const MAX_JSON = 4 * 2 ** 20;
const WEIGHTS = /\.(safetensors|bin)$/;

/** Facts on an adapter's, a checkpoint's or IEMOCAP's folder. @throws UserError for any other. */
export async function inspectFolder(path: string): Promise<string[]> {
  if (existsSync(join(path, "adapter_config.json"))) {
    const { peft_type, r, lora_alpha, target_modules, base_model_name_or_path } = json(
      path,
      "adapter_config.json",
    );
    return [
      `adapter, type ${peft_type}, rank ${r}, alpha ${lora_alpha}, modules ${JSON.stringify(target_modules)}, ` +
        `base ${base_model_name_or_path}`,
      ...(await weights(path, "adapter_model")),
    ];
  }
  if (existsSync(join(path, "config.json"))) {
    const { model_type, num_hidden_layers, hidden_size } = json(path, "config.json");
    return [
      `checkpoint, model ${model_type}, ${num_hidden_layers} layers, ${hidden_size} features`,
      ...(await weights(path, "")),
    ];
  }
  if (existsSync(join(path, "Session1"))) return sessions(path);
  throw new UserError(
    `${path}: holds neither adapter_config.json, config.json nor Session1; name files in it instead`,
  );
}

function json(folder: string, name: string): Record<string, any> {
  let value: unknown;
  try {
    value = JSON.parse(readBounded(join(folder, name), MAX_JSON).toString("utf8"));
  } catch (error) {
    if (error instanceof UserError) throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UserError(`${folder}: ${name} is not a JSON object; fetch it again`);
  return value;
}

async function weights(folder: string, prefix: string): Promise<string[]> {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && WEIGHTS.test(name))
    .sort();
  if (files.length === 0)
    throw new UserError(`${folder}: holds no ${prefix || "model"} weights; fetch them again`);
  const lines: string[] = [];
  for (const name of files) {
    const inspector = fileInspectors.find(({ named }) => named.test(name));
    for (const line of (await inspector?.lines(join(folder, name))) ?? ["weights of a kind that is not read"])
      lines.push(`${name}: ${line}`);
  }
  return lines;
}

function sessions(root: string): string[] {
  const lines: string[] = [];
  for (const session of readdirSync(root)
    .filter((name) => /^Session\d$/.test(name))
    .sort()) {
    const folder = join(root, session, "dialog", "EmoEvaluation");
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => /^[^.].*\.txt$/.test(name)) : [];
    const turns = files.flatMap((file) => {
      const path = join(folder, file);
      return parseEmoEvaluation(readBounded(path, MAX_JSON).toString("utf8"), path);
    });
    lines.push(`${session}: ${files.length} dialogues, ${turns.length} turns`);
  }
  return [`IEMOCAP, ${lines.length} sessions`, ...lines];
}
