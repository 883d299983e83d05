import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { publishedModels } from "../synthetic/models.js";
import { writeSynthetic } from "../synthetic/write.js";
import { TARGET, type EncoderCase, type PublishedCase } from "./cases.js";
import { cells, compare } from "./compare.js";
import type { Side } from "./side.js";

const ROUNDS = 3;
/** Free memory that both processes and the file's pages want. */
const MEMORY = 6e9;
const gb = (bytes: number) => (bytes / 1e9).toFixed(2);

/**
 * Times one encoder of a published shape, each side in a fresh process, so that memory is its own.
 * @param start both sides, as far as they are here
 * @param memory bytes that must be free
 * @returns the cells of its line, or why it is left out
 */
export async function timePublished(
  { name, model, shape }: PublishedCase,
  start: () => Promise<{ ours?: Side; peer?: Side }>,
  memory = MEMORY,
): Promise<string[] | string> {
  if (os.freemem() < memory) return `${gb(os.freemem())} GB of memory are free, ${gb(memory)} GB are needed`;
  const root = mkdtempSync(join(os.tmpdir(), "daam-bench-"));
  const remove = () => rmSync(root, { recursive: true, force: true });
  process.once("exit", remove);
  const { ours, peer } = await start();
  try {
    if (!ours) return "wasm is not available";
    if (!peer) return "there is no PyTorch to compare with";
    const folder = join(root, model);
    await writeSynthetic(publishedModels[model]!, folder);
    const wanted: EncoderCase = {
      kind: "encoder",
      name,
      folder,
      shape,
      threads: "all",
      steps: 1,
      memory: true,
    };
    const comparison = await compare(wanted, ours, peer, ROUNDS);
    if (comparison.error) return `PyTorch's side cannot: ${comparison.error}`;
    return [
      ...cells(comparison),
      `target ${TARGET.ratio}; peak ${gb(comparison.peak!)} of ${gb(TARGET.memory)} GB`,
    ];
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  } finally {
    ours?.stop();
    peer?.stop();
    remove();
    process.off("exit", remove);
  }
}
