/** The paper's claims on parameters, a sentence each, counted from the shapes of its own models. */
import { paperParameters } from "../../experiments/paper.js";

/** Sizes of hidden states in the paper: speech and vision, and text. */
const sizes = ["24x1024", "40x5120"] as const;
type Size = (typeof sizes)[number];

/** Without the last linear layer. */
export function parameterSentences(): string[] {
  const count = (name: string, size: Size) => paperParameters[name]![size];
  const attention = (size: Size) => count("daam-v1", size) - count("no-attention", size);
  const fewer = (name: string) => (size: Size) => 100 * (1 - count(name, size) / count("lora-4", size));
  const share = (size: Size) => (100 * attention(size)) / count("gqa", size);
  return [
    `“0.016 %–0.08 % of the parameters of GQA models”: DAAMv1's attention has ${claimed(share, " %", (percent) => percent <= 0.08)}.`,
    `“At least 44 % fewer parameters than LoRA” (r=4): the decoder with DAAMv1 has fewer by ${claimed(fewer("daam-v1"), " %", (percent) => percent >= 44)}; ` +
      `with DAAMv2 by ${claimed(fewer("daam-v2"), " %", (percent) => percent >= 44)}.`,
    `“LoRA needs at least 24 times more than DAAM”: LoRA (r=4) trains ${claimed(
      (size) => count("lora-4", size) / attention(size),
      " times as much as DAAMv1's attention",
      (times) => times >= 24,
    )}.`,
    `“LoRA needs at least twice DAT”: LoRA (r=4) trains ${claimed(
      (size) => count("lora-4", size) / count("daam-v1", size),
      " times as much as the decoder with DAAMv1",
      (times) => times >= 2,
    )}.`,
  ];
}

/** A count at both sizes of the paper, and at which of them the claim holds. */
function claimed(value: (size: Size) => number, unit: string, holds: (value: number) => boolean): string {
  const [small, large] = sizes.map((size) => value(size).toFixed(1));
  const [inSmall, inLarge] = sizes.map((size) => holds(value(size)));
  const verdict =
    inSmall === inLarge
      ? inSmall
        ? "holds by count"
        : "contradicted by count"
      : `holds by count for ${inSmall ? "speech and vision" : "text"} alone`;
  return `${small}${unit} for speech and vision (24 × 1024), ${large}${unit} for text (40 × 5120): ${verdict}`;
}
