import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathIn, placeIn } from "../datasets/lookup.js";
import { UserError } from "../errors.js";
import { checkpointFiles, openCheckpoint } from "../formats/checkpoint.js";
import { parseEmoEvaluation } from "../formats/emo-evaluation.js";
import { fileSize } from "../formats/read-range.js";
import { firstBytes, readBounded } from "../formats/read.js";
import { HEAD, inspectorOf } from "./files.js";
import { withoutPath } from "./inspector.js";

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
      ...(await adapterWeights(path)),
    ];
  }
  if (existsSync(join(path, "config.json"))) return checkpoint(path);
  if (pathIn(path, "Session1")) return sessions(path);
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

/** Opened as an encoder is, so that shards, shapes and config are those of one checkpoint; other files do not count against it. */
async function checkpoint(folder: string): Promise<string[]> {
  json(folder, "config.json");
  const { openEncoder } = await import("../encoders/encoder.js"); // with TensorFlow.js, which files do without
  const { inspectExtraction } = await import("./encoder.js");
  const encoder = await openEncoder(folder);
  const read = checkpointFiles(folder);
  const lines = [
    `checkpoint, model ${encoder.modelType}, ${encoder.layers} layers, ${encoder.features} features, ${await stored(folder, read)}`,
    ...(await inspectExtraction(encoder)),
  ];
  for (const name of read.sort()) lines.push(...(await weights(folder, name)));
  for (const name of weightFiles(folder).filter((name) => !read.includes(name))) {
    try {
      lines.push(...(await weights(folder, name)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      lines.push(
        `${name}: no part of the checkpoint, and not read: ${withoutPath(error, join(folder, name))}`,
      );
    }
  }
  return lines;
}

/** Types of the weights, their files and bytes. */
async function stored(folder: string, files: readonly string[]): Promise<string> {
  const types = new Set([...(await openCheckpoint(folder)).values()].map(({ dtype }) => dtype));
  const bytes = files.reduce((sum, name) => sum + fileSize(join(folder, name)), 0);
  return `${[...types].join(" and ")} in ${files.length === 1 ? files[0] : `${files.length} files`}, ${(bytes / 1e6).toFixed(1)} MB`;
}

async function adapterWeights(folder: string): Promise<string[]> {
  const files = weightFiles(folder).filter((name) => name.startsWith("adapter_model"));
  if (files.length === 0) throw new UserError(`${folder}: holds no adapter_model weights; fetch them again`);
  return (await Promise.all(files.map((name) => weights(folder, name)))).flat();
}

const weightFiles = (folder: string) =>
  readdirSync(folder)
    .filter((name) => WEIGHTS.test(name))
    .sort();

async function weights(folder: string, name: string): Promise<string[]> {
  const path = join(folder, name);
  const inspector = inspectorOf(path, firstBytes(path, HEAD), fileSize(path));
  const lines = (await inspector?.lines(path)) ?? ["weights of a kind that is not read"];
  return lines.map((line) => `${name}: ${line}`);
}

function sessions(root: string): string[] {
  const lines: string[] = [];
  for (const session of readdirSync(root)
    .filter((name) => /^Session\d$/i.test(name))
    .sort()) {
    const folder = placeIn(root, `${session}/dialog/EmoEvaluation`);
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => /^[^.].*\.txt$/i.test(name)) : [];
    const turns = files.flatMap((file) => {
      const path = join(folder, file);
      return parseEmoEvaluation(readBounded(path, MAX_JSON).toString("utf8"), path);
    });
    lines.push(`${session}: ${files.length} dialogues, ${turns.length} turns`);
  }
  return [`IEMOCAP, ${lines.length} sessions`, ...lines];
}
