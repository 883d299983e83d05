/** Attention maps as cells store them: base64 of float16, row by row. */
import { Float16Array } from "@petamoriken/float16";
import { cellName } from "../plan/cell.js";
import type { CellResult } from "../types.js";
import { base64 } from "./outcome.js";

/** What maps are read of, by row: DAAMv1's by figures and by the choice of high and low layers, that before training by a claim. */
const read: Record<string, readonly ("test" | "train")[]> = {
  "daam-v1": ["test", "train"],
  frozen: ["test"],
};

/** The maps of a cell that anything reads; those of the tables' rows alone, undefined where there are none. */
export function mapsRead({ name, config, attention }: CellResult): CellResult["attention"] {
  const { task, method, run, learningRate } = config;
  const kept = read[method];
  if (!attention || !kept) return undefined;
  if (![cellName(task, method, run), cellName(task, method, run, learningRate)].includes(name))
    return undefined;
  const { layers, features } = attention;
  return { ...Object.fromEntries(kept.map((items) => [items, attention[items]])), layers, features };
}

export const encodeMap = (values: Float32Array): string => base64(new Float16Array(values));

/** @param count values of the map; maps of float32, as earlier cells have them, are told by their length */
export function decodeMap(map: string, count: number): number[] {
  const { buffer } = Uint8Array.from(Buffer.from(map, "base64"));
  return [...(buffer.byteLength === 4 * count ? new Float32Array(buffer) : new Float16Array(buffer))];
}
