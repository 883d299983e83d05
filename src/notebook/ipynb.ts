/** Notebook files (nbformat 4), read and written as Python's nbformat does: Jupyter re-saves them without a diff. */
import { readFileSync } from "node:fs";
import { UserError } from "../errors.js";
import { writeWhole } from "../files.js";

/** Text is one string or a list of lines in the file; lists on writing. */
type Text = string | string[];

export interface Output {
  output_type: "stream" | "display_data" | "execute_result" | "error";
  [field: string]: unknown;
}

export interface Cell {
  cell_type: "code" | "markdown" | "raw";
  source: Text;
  outputs?: Output[];
  execution_count?: number | null;
  [field: string]: unknown;
}

export interface Notebook {
  cells: Cell[];
  metadata: {
    kernelspec?: { name?: string; [field: string]: unknown };
    language_info?: object;
    [field: string]: unknown;
  };
  nbformat: number;
  nbformat_minor: number;
}

/** @throws UserError when the file is no notebook, or one for another kernel. */
export function readNotebook(path: string): Notebook {
  let notebook: Notebook;
  try {
    notebook = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : "it is not JSON";
    throw new UserError(`cannot read the notebook ${path}: ${why}; restore it with git`);
  }
  if (!Array.isArray(notebook.cells) || notebook.nbformat !== 4)
    throw new UserError(`${path} is not a notebook of format 4: save it with a newer Jupyter`);
  const kernel = notebook.metadata?.kernelspec?.name;
  if (kernel !== "tslab")
    throw new UserError(
      `${path} is for the kernel "${kernel}", which is not there: choose the kernel "TypeScript" (tslab) in \`make lab\` and save`,
    );
  return notebook;
}

export const joined = (text: Text): string => (Array.isArray(text) ? text.join("") : text);

const lines = (text: Text): string[] => joined(text).match(/[^\n]*\n|[^\n]+$/g) ?? [];

/** Sorted keys, one-space indent, final newline, text as lists of lines. */
export function notebookText(notebook: Notebook): string {
  const listed = {
    ...notebook,
    cells: notebook.cells.map((cell) => ({
      ...cell,
      source: lines(cell.source),
      ...(cell.outputs && { outputs: cell.outputs.map(listedOutput) }),
    })),
  };
  const sorted = (_: string, value: unknown) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(listed, sorted, 1) + "\n";
}

function listedOutput(output: Output): Output {
  const data = Object.entries((output.data ?? {}) as Record<string, unknown>).map(([type, value]) => [
    type,
    // nbformat keeps binary types in one line
    typeof value === "string" && type !== "image/png" ? lines(value) : value,
  ]);
  return {
    ...output,
    ...(output.text !== undefined && { text: lines(output.text as Text) }),
    ...(output.data !== undefined && { data: Object.fromEntries(data) }),
  };
}

export function writeNotebook(path: string, notebook: Notebook): void {
  writeWhole(path, notebookText(notebook));
}
