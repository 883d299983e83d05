import { permutation, type Random } from "../random.js";

/** Drops a share of a text's words, rounded to whole words and chosen at random; the others keep their order, and one always stays. */
export function dropWords(text: string, share: number, random: Random): string {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const count = Math.min(Math.round(share * words.length), words.length - 1);
  if (count <= 0) return text;
  const dropped = new Set(permutation(words.length, random).subarray(0, count));
  return words.filter((_, i) => !dropped.has(i)).join(" ");
}
