import { statSync } from "node:fs";
import { UserError } from "../errors.js";
import { refuseImpostor } from "../formats/impostor.js";
import { firstBytes } from "../formats/read.js";
import { fileInspectors, HEAD, inspectorOf } from "./files.js";
import { inspectFolder } from "./folders.js";
import { withoutPath } from "./inspector.js";
import { isEncoderName, inspectPublished } from "./published.js";

/**
 * Says what files hold: a safetensors file's tensors, a recording's rate and length, an archive's entries, and so on. The
 * parser is chosen by name, then by first bytes.
 * @returns one or more lines a file, each beginning with its name; a refused file has `name: error: why` and makes `ok`
 * false, and the others go on.
 */
export async function inspect(paths: readonly string[]): Promise<{ lines: string[]; ok: boolean }> {
  const lines: string[] = [];
  let ok = true;
  for (const path of paths) {
    try {
      for (const line of await facts(path)) lines.push(printable(`${path}: ${line}`));
    } catch (error) {
      ok = false;
      lines.push(printable(`${path}: error: ${reason(error as Error, path)}`));
    }
  }
  return { lines, ok };
}

async function facts(path: string): Promise<string[]> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat && isEncoderName(path)) return inspectPublished(path);
  if (!stat) throw new UserError(`${path}: is not there; check the path`);
  if (stat.isDirectory()) return inspectFolder(path);
  if (!stat.isFile()) throw new UserError(`${path}: is neither a file nor a folder`);
  refuseImpostor(path);
  const chosen = inspectorOf(path, firstBytes(path, HEAD), stat.size);
  if (!chosen)
    throw new UserError(
      `${path}: of no known kind; read are ${[...new Set(fileInspectors.map(({ kind }) => kind))].join(", ")}, and folders ` +
        "of checkpoints, adapters and IEMOCAP",
    );
  return chosen.lines(path);
}

function reason(error: Error, path: string): string {
  return error instanceof UserError ? withoutPath(error, path) : `unexpected ${error.name}: ${error.message}`;
}

/** Names come from the files: nothing in them may steer the terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}
