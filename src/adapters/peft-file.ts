import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Encoder } from "../encoders/encoder.js";
import { publisher } from "../encoders/names.js";
import { UserError } from "../errors.js";
import { openTensorFile } from "../formats/checkpoint.js";
import type { Checkpoint } from "../formats/stored-tensor.js";

/** What peft writes, in the order in which it looks for it. */
export const WEIGHTS = ["adapter_model.safetensors", "adapter_model.bin"] as const;
/** What peft puts before a model's own names. */
export const PREFIX = "base_model.model.";

/** The tensors of an adapter's file by published name, none of them read yet. */
export interface AdapterFile {
  path: string;
  tensors: Checkpoint;
  /** published name of a module → what the adapter's model calls it, which patterns in its config are about */
  called(module: string): string;
}

/** A tensor's module and what it is of that: `weight`, `lora_A.weight`, … */
export function split(name: string): [module: string, part: string] {
  const [, module = "", part = name] =
    /^(.*?)\.(lora_[AB]\.weight|lora_embedding_[AB]|token_adapter\.trainable_tokens_delta|[^.]+)$/.exec(
      name,
    ) ?? [];
  return [module, part];
}

/**
 * Opens an adapter's weights, safetensors or PyTorch's.
 * @throws UserError for a file that is missing, damaged, or not named as peft does.
 */
export async function openAdapterFile(folder: string, { architecture }: Encoder): Promise<AdapterFile> {
  const path = join(folder, WEIGHTS.find((name) => existsSync(join(folder, name))) ?? WEIGHTS[0]);
  const stored = await openTensorFile(path);
  const foreign = [...stored.keys()].find((name) => !name.startsWith(PREFIX));
  if (foreign !== undefined)
    throw new UserError(
      `${path}: tensor ${JSON.stringify(foreign)} is not named as peft does, ${PREFIX}…; save the adapter with save_pretrained`,
    );
  const own = [...stored].map(([name, tensor]) => [name.slice(PREFIX.length), tensor] as const);
  const publish = publisher(architecture, own.map(([name]) => name), path); // prettier-ignore
  const tensors: Checkpoint = new Map();
  const called = new Map<string, string>();
  for (const [name, tensor] of own) {
    // with biases peft writes those of saved modules twice, and what they stand in for
    if (/\.(original_module|modules_to_save)\./.test(name)) continue;
    const plain = name.replace(".base_layer.", ".");
    tensors.set(publish(plain), tensor);
    called.set(split(publish(plain))[0], split(plain)[0]);
  }
  return { path, tensors, called: (module) => called.get(module) ?? module };
}
