/** What cells say of the paper's claims beyond the comparisons of rows, by topic. */
import { gainSentence, orderSentence, spreadSentence, stabilitySentence } from "./claims.js";
import { layersSentence, untrainedSentence } from "./layer-claims.js";
import type { ItemsOf } from "./paired.js";
import type { Section } from "../pages/publication.js";
import type { Robustness } from "../tables/robustness-cells.js";
import { robustnessSentences } from "./robustness-differences.js";
import { type ResultTable, rowOf } from "../tables/rows.js";
import type { TextTable } from "../tables/tables.js";

const topics = ["gain", "stability", "order", "spread", "layers", "robustness"] as const;
export type Topic = (typeof topics)[number];

/** The sentences on every topic, those on layers as {@link layerSentences} has them; none on what was not run. */
export function sentencesOf(
  tables: readonly ResultTable[],
  shifted: readonly Robustness[],
  layers: string[],
  items?: ItemsOf,
): Record<Topic, string[]> {
  const found: Record<Topic, string[]> = {
    gain: tables.map((table) => gainSentence(table, items)),
    stability: tables.map(stabilitySentence),
    order: tables.map(orderSentence),
    spread: [spreadSentence(tables)],
    layers,
    robustness: robustnessSentences(shifted.filter(({ results }) => results.length)),
  };
  return Object.fromEntries(
    topics.map((topic) => [topic, found[topic].filter((sentence) => sentence)]),
  ) as Record<Topic, string[]>;
}

/** What a task's ablations say of its layers; empty without their cells. */
export function layerSentences({ table, ablations }: Section, items?: ItemsOf): string[] {
  const rows = ablations.flatMap((ablation) => ablation.rows);
  const frozen = rows.find(({ row }) => row.method?.name === "frozen")?.row.results ?? [];
  return [
    layersSentence(table.task, rows, items),
    untrainedSentence(table.task, frozen, rowOf(table, "daam-v1")?.results ?? []),
  ].filter((sentence) => sentence);
}

/** A line a sentence, behind its topic. */
export const sentencesTable = (sentences: Record<Topic, string[]>): TextTable => ({
  columns: ["topic", "sentence"],
  rows: topics.flatMap((topic) => sentences[topic].map((sentence) => [topic, sentence])),
});
