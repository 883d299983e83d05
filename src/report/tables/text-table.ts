/** Tables of strings, and what they are written as. */
import Papa from "papaparse";

/** Columns of strings: the form that Markdown, CSV and data frames are made from. */
export interface TextTable {
  columns: string[];
  rows: string[][];
}

/** A table to be read: first cells that repeat the line above are left blank. */
export const withoutRepeats = ({ columns, rows }: TextTable): TextTable => ({
  columns,
  rows: rows.map(([first, ...rest], i) => [rows[i - 1]?.[0] === first ? "" : first!, ...rest]),
});

/** A Markdown table; the first column is aligned left, the others right. */
export function toMarkdown({ columns, rows }: TextTable): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = columns.map((_, i) => (i ? "---:" : "---"));
  return [line(columns), line(rule), ...rows.map(line)].join("\n") + "\n";
}

/** CSV of a text table. */
export function toCsv({ columns, rows }: TextTable): string {
  return Papa.unparse({ fields: columns, data: rows }, { newline: "\n" }) + "\n";
}
