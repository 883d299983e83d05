/** Attention maps as cells store them: base64 of float16, row by row. */
import { Float16Array } from "@petamoriken/float16";
import { base64 } from "./outcome.js";

export const encodeMap = (values: Float32Array): string => base64(new Float16Array(values));

/** @param count values of the map; maps of float32, as earlier cells have them, are told by their length */
export function decodeMap(map: string, count: number): number[] {
  const { buffer } = Uint8Array.from(Buffer.from(map, "base64"));
  return [...(buffer.byteLength === 4 * count ? new Float32Array(buffer) : new Float16Array(buffer))];
}
