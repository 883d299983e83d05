import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../../errors.js";

/**
 * Saves and loads models in Node without tfjs-node, in its layout: `model.json` and `weights.bin` in one folder.
 * `await model.save(fileHandler("file:///tmp/model"))`, `await tf.loadLayersModel(fileHandler("/tmp/model/model.json"))`.
 * @param path a folder or its `model.json`, as a path or a `file://` address
 * @throws UserError where the folder cannot be written, holds no model, or its model.json names files elsewhere
 */
export function fileHandler(path: string): tf.io.IOHandler {
  const plain = path.startsWith("file://") ? fileURLToPath(path) : path;
  const folder = plain.endsWith(".json") ? dirname(plain) : plain;
  return { save: async (artifacts) => save(folder, artifacts), load: async () => load(folder) };
}

const WEIGHTS = "weights.bin";

function save(folder: string, artifacts: tf.io.ModelArtifacts): tf.io.SaveResult {
  const { weightSpecs = [], weightData = new ArrayBuffer(0), ...rest } = artifacts;
  const buffers = Array.isArray(weightData) ? weightData : [weightData];
  const weights = Buffer.concat(buffers.map((buffer) => Buffer.from(buffer)));
  const manifest = [{ paths: [`./${WEIGHTS}`], weights: weightSpecs }];
  const json = JSON.stringify({ ...rest, weightsManifest: manifest });
  try {
    mkdirSync(folder, { recursive: true });
    writeBeside(join(folder, WEIGHTS), weights);
    writeBeside(join(folder, "model.json"), json);
  } catch (error) {
    throw new UserError(
      `${folder} cannot be written (${(error as NodeJS.ErrnoException).code}): choose another folder`,
    );
  }
  return {
    modelArtifactsInfo: {
      dateSaved: new Date(),
      modelTopologyType: "JSON",
      modelTopologyBytes: json.length,
      weightDataBytes: weights.length,
    },
  };
}

function writeBeside(path: string, content: string | Buffer): void {
  const part = `${path}.part`;
  try {
    writeFileSync(part, content);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function load(folder: string): tf.io.ModelArtifacts {
  try {
    const { weightsManifest, ...rest } = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
    const groups = weightsManifest as { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
    const bytes = Buffer.concat(
      groups.flatMap(({ paths }) => paths.map((path) => readFileSync(within(folder, path)))),
    );
    const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    return { ...rest, weightSpecs: groups.flatMap(({ weights }) => weights), weightData };
  } catch (error) {
    throw new UserError(
      `${folder} holds no saved model (${(error as Error).message}): name the folder that model.save wrote`,
    );
  }
}

/** A model that somebody else made must not have other files read. */
function within(folder: string, path: string): string {
  const found = resolve(folder, path);
  const way = relative(folder, found);
  if (way.startsWith("..") || isAbsolute(way))
    throw new Error(`its model.json names a file outside of it, ${JSON.stringify(path)}`);
  return found;
}
