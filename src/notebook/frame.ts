import { DataFrame } from "danfojs-node";
import type { TextTable } from "../report/tables/text-table.js";

/** A danfojs data frame of a text table, with its columns. */
export function dataFrame({ columns, rows }: TextTable): DataFrame {
  return new DataFrame(rows, { columns });
}
