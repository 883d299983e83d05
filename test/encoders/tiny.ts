import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { safetensorsOf } from "#src/formats/safetensors.js";
import { normal } from "../support/close.js";
import { freshFolder } from "../support/files.js";

/** Tensors for a checkpoint on disk, by name. */
export type Arrays = Record<string, { shape: number[]; data: Float32Array }>;

/** Writes a float32 safetensors file. */
export function writeTensors(path: string, arrays: Arrays): void {
  writeFileSync(path, safetensorsOf(Object.entries(arrays)));
}

export const tinyLlama = {
  model_type: "llama",
  vocab_size: 50,
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

/** A random Llama as a Hugging Face folder in the temporary directory. `change` may spoil it. */
export function writeLlama(
  layers: number,
  change: (config: Record<string, unknown>, arrays: Arrays) => void = () => {},
): string {
  const { hidden_size: width, intermediate_size: inner, vocab_size: words } = tinyLlama;
  const shapes: Record<string, number[]> = { "model.embed_tokens.weight": [words, width] };
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}`;
    Object.assign(shapes, {
      [`${at}.input_layernorm.weight`]: [width],
      [`${at}.self_attn.q_proj.weight`]: [width, width],
      [`${at}.self_attn.k_proj.weight`]: [width / 2, width],
      [`${at}.self_attn.v_proj.weight`]: [width / 2, width],
      [`${at}.self_attn.o_proj.weight`]: [width, width],
      [`${at}.post_attention_layernorm.weight`]: [width],
      [`${at}.mlp.gate_proj.weight`]: [inner, width],
      [`${at}.mlp.up_proj.weight`]: [inner, width],
      [`${at}.mlp.down_proj.weight`]: [width, inner],
    });
  }
  shapes["model.norm.weight"] = [width];
  const arrays: Arrays = {};
  for (const [i, [name, shape]] of Object.entries(shapes).entries()) {
    const random = normal(shape as [number], i + 1);
    arrays[name] = { shape, data: Float32Array.from(random.dataSync(), (x) => x * 0.3) };
    random.dispose();
  }
  const config: Record<string, unknown> = { ...tinyLlama, num_hidden_layers: layers };
  change(config, arrays);
  const folder = freshFolder();
  mkdirSync(folder, { recursive: true });
  writeTensors(join(folder, "model.safetensors"), arrays);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

export const ids = (rows: number[][]) => ({
  values: {
    shape: [rows.length, rows[0]!.length],
    dtype: "int32" as const,
    data: Int32Array.from(rows.flat()),
  },
});
