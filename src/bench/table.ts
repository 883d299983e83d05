/** The lines of results/bench/cpu.md. Pure: measured times in, Markdown out. */
import type { Case, LimitCase } from "./cases.js";
import { cells, median, type Comparison } from "./compare.js";

/** Billions a second: of multiply-adds, or of bytes. Undefined where nothing was measured. */
export function billions(
  { of }: Pick<LimitCase, "of">,
  times: readonly number[],
  amount?: number,
): number | undefined {
  if (!times.length || !amount) return undefined;
  return amount / (of === "memory" ? 1 : 2) / median(times) / 1e6;
}

/** What a case reaches of the multiply-adds that wasm can on as many threads, in %; they are counted by definition. */
export function share({ ours, amount }: Comparison, limit?: number): string {
  const reached = billions({ of: "multiply-adds" }, ours, amount);
  return reached && limit ? `${((100 * reached) / limit).toFixed(0)} %` : "–";
}

/** A case's line; the last cell is empty for other backends than wasm. */
export function caseLine(
  { name, target, threads }: Case,
  backend: string,
  cores: number,
  comparison: Comparison,
  limit?: number,
): string[] {
  return [
    name,
    backend,
    String(threads === "one" ? 1 : cores),
    ...cells(comparison),
    target?.[backend]?.toFixed(1) ?? "–",
    backend === "wasm" ? share(comparison, limit) : "–",
  ];
}

export const CASE_COLUMNS = [
  "a training step, or a batch",
  "backend",
  "threads",
  "ours, ms",
  "PyTorch, ms",
  "ratio: min – median – max",
  "target",
  "of wasm's limit",
];

/** What was measured of a limit, on each side. */
export interface Limit {
  wanted: LimitCase;
  wasm?: number;
  peers?: number;
}

export const limitOf = (wanted: LimitCase, { ours, peers, amount, peersAmount }: Comparison): Limit => ({
  wanted,
  wasm: billions(wanted, ours, amount),
  peers: billions(wanted, peers, peersAmount),
});

export const LIMIT_COLUMNS = ["what the machine can", "threads", "wasm", "PyTorch"];

export function limitLine({ wanted, wasm, peers }: Limit, cores: number): string[] {
  const unit = wanted.of === "memory" ? "GB/s, read and written" : "billion multiply-adds a second";
  const digits = (value?: number) => value?.toFixed(1) ?? "–";
  return [
    wanted.of === "memory" ? `copy of 128 MB, ${unit}` : unit,
    String(wanted.threads === "one" ? 1 : cores),
    digits(wasm),
    digits(peers),
  ];
}

export const markdownRow = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

export const markdown = (columns: readonly string[], rows: readonly string[][]): string[] =>
  [columns, columns.map(() => "---"), ...rows].map(markdownRow);
