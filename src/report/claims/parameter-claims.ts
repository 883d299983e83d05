/** The paper's claims on parameters, a line each, counted from the shapes of its own models. */
import { paperParameters } from "../../experiments/paper.js";
import type { TextTable } from "../tables/text-table.js";

/** Sizes of hidden states in the paper: speech and vision, and text. */
const sizes = ["24x1024", "40x5120"] as const;
type Size = (typeof sizes)[number];

/** The claims with the counts at both sizes; without the last linear layer. */
export function parameterTable(): TextTable {
  const count = (name: string, size: Size) => paperParameters[name]![size];
  const attention = (size: Size) => count("daam-v1", size) - count("no-attention", size);
  const fewer = (name: string) => (size: Size) => 100 * (1 - count(name, size) / count("lora-4", size));
  const lines: [
    claim: string,
    counted: string,
    unit: string,
    of: (size: Size) => number,
    holds: (value: number) => boolean,
  ][] = [
    [
      "0.016 %–0.08 % of the parameters of GQA models",
      "DAAMv1's attention",
      " %",
      (size) => (100 * attention(size)) / count("gqa", size),
      (percent) => percent <= 0.08,
    ],
    ...(["daam-v1", "daam-v2"] as const).map((name, i): (typeof lines)[number] => [
      "at least 44 % fewer parameters than LoRA (r=4)",
      `decoder with DAAMv${i + 1}: fewer by`,
      " %",
      fewer(name),
      (percent) => percent >= 44,
    ]),
    [
      "LoRA needs at least 24 times more than DAAM",
      "LoRA (r=4) ÷ DAAMv1's attention",
      " times",
      (size) => count("lora-4", size) / attention(size),
      (times) => times >= 24,
    ],
    [
      "LoRA needs at least twice DAT",
      "LoRA (r=4) ÷ decoder with DAAMv1",
      " times",
      (size) => count("lora-4", size) / count("daam-v1", size),
      (times) => times >= 2,
    ],
  ];
  return {
    columns: ["claim", "counted", "speech and vision (24 × 1024)", "text (40 × 5120)", "by count"],
    rows: lines.map(([claim, counted, unit, of, holds]) => {
      const values = sizes.map(of);
      return [claim, counted, ...values.map((value) => value.toFixed(1) + unit), outcome(values.map(holds))];
    }),
  };
}

/** At which of the paper's sizes a claim holds. */
function outcome(holds: readonly boolean[]): string {
  const [small, large] = holds;
  if (small === large) return small ? "holds" : "contradicted";
  return `holds for ${small ? "speech and vision" : "text"} alone`;
}
