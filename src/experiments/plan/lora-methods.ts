import type { FineTuning } from "../../adapters/fine-tuning.js";
import type { Scaling } from "../../adapters/low-rank.js";
import { findTask } from "./tasks.js";
import type { Method } from "../types.js";

type Size = Parameters<Method["stages"]>[0];

const alpha = 16;
const queryAnd =
  (other: "key" | "value") =>
  ({ task }: Size) => {
    const { projections } = findTask(task);
    return [projections.query, projections[other]];
  };

const form = (rank: number, scaling: Scaling, targets: string[]) => ({ rank, alpha, scaling, targets });

/**
 * What the published scripts train: on WavLM the hooks never run; LoRA trains what is named "classifier", which Llama's head is not;
 * LoRA+ trains no head.
 */
const published =
  (rank: number, plus: boolean) =>
  (size: Size): FineTuning => ({
    form: form(rank, "published", queryAnd("value")(size)),
    acts: size.task !== "speech",
    head: plus || size.task === "text" ? "frozen" : "classifier",
    ratio: plus ? 2.828 : 1,
  });

const standard =
  (rank: number, plus: boolean, targets = queryAnd("value")) =>
  (size: Size): FineTuning => ({
    form: form(rank, "standard", targets(size)),
    acts: true,
    head: "whole",
    ratio: plus ? 16 : 1,
  });

const rows = ([4, 8] as const).flatMap((rank) =>
  [false, true].map((plus) => ({
    rank,
    plus,
    name: `lora-${plus ? "plus-" : ""}${rank}`,
    title: `LoRA${plus ? "+" : ""} (r=${rank})`,
  })),
);

/** LoRA and LoRA+ on query and value, as published and standard; and, as the paper's text has it, on query and key. */
export const loraMethods: readonly Method[] = [
  ...rows.map(({ rank, plus, name, title }): Method => ({
    name,
    title,
    group: "published",
    paperRow: title,
    stages: () => [],
    fineTuning: published(rank, plus),
    note: plus
      ? "scaled by α; B learns 2.828 times as fast as A; the random head is never trained, so on speech, where the update is inert, nothing is"
      : "scaled by α; on speech the update is inert and only the last layer learns, on text the head stays random",
  })),
  ...rows.map(({ rank, plus, name, title }): Method => ({
    name: `${name}-standard`,
    title: `${title}, standard`,
    group: "corrected",
    stages: () => [],
    fineTuning: standard(rank, plus),
    note: `A Kaiming-uniform, scaled by α / r, the whole head trained${plus ? "; B learns 16 times as fast" : ""}`,
  })),
  {
    name: "lora-4-query-key",
    title: "LoRA (r=4), standard, query and key",
    group: "corrected",
    stages: () => [],
    variantOf: "lora-4-standard",
    fineTuning: standard(4, false, queryAnd("key")),
    note: "on query and key, as the paper's text says; its code has query and value",
  },
];
