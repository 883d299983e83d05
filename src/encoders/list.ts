import { readableBytes } from "../hub/fetch.js";
import { encoderStates } from "./locate.js";

/** The registry as a table, a line an encoder, with what of it is here. */
export function encoderLines(): string[] {
  const rows = encoderStates().map(({ entry, located, begun }) => [
    entry.name,
    entry.repository,
    entry.task,
    `${entry.layers} × ${entry.features}`,
    readableBytes(entry.bytes),
    `${entry.licence}${entry.gated ? " (gated)" : ""}`,
    located ? located.folder : begun ? "here in part" : "not here",
  ]);
  const table = [["name", "repository", "for", "shape", "bytes", "licence", "where"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
