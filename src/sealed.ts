/** JSON files that show damage: their last entry is a checksum of all before it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Also a seal that was hit itself. */
const SEAL = /,"(.{8})":"(.{16})"\}\s*$/s;

const checksum = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** The text of a file. @param value an object with at least one entry */
export function sealed(value: object): string {
  const text = JSON.stringify(value);
  return `${text.slice(0, -1)},"checksum":"${checksum(text)}"}\n`;
}

/**
 * Reads such a file, or one that has no checksum; undefined where there is none.
 * @param damaged is told what is wrong with one that cannot be read
 */
export function readSealed<T>(path: string, damaged: (why: string) => void): T | undefined {
  try {
    return unsealed(readFileSync(path, "utf8")) as T;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") damaged(message);
    return undefined;
  }
}

function unsealed(text: string): unknown {
  const [seal, name, sum] = SEAL.exec(text) ?? [];
  if (seal === undefined) return JSON.parse(text);
  const body = `${text.slice(0, -seal.length)}}`;
  if (name !== "checksum" || sum !== checksum(body)) throw new Error("its checksum does not fit");
  return JSON.parse(body);
}
