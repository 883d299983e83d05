import * as tf from "@tensorflow/tfjs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export const TENSORFLOW_PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/**
 * Loads one of tfjs's bindings to libtensorflow, which registers the backend "tensorflow".
 * @returns the version of libtensorflow
 * @throws Error with the reason in its first line
 */
export function loadTensorflow(name: (typeof TENSORFLOW_PACKAGES)[number]): string {
  try {
    require.resolve(`${name}/package.json`);
  } catch {
    throw new Error(`${name} is not installed`);
  }
  // Node 23 removed two functions that tfjs-node 4.22 calls.
  const util = require("node:util");
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  try {
    require(name);
  } catch (error) {
    throw new Error(`${name} does not load: ${firstLine(error)}`);
  }
  const factory = tf.findBackend("tensorflow") as unknown as { binding: { TF_Version: string } } | null;
  if (!factory) throw new Error(`${name} brings its own copy of tfjs-core`);
  return factory.binding.TF_Version;
}

export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
