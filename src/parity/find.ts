import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** Beside a config.json or an adapter_config.json: what that encoder or adapter must give. */
export const EXPECTED = "expected.safetensors";

const CONFIGS = ["config.json", "adapter_config.json"];

/** A file of arrays to compare with; or what cannot be checked, and why. */
export type Found =
  | { path: string; status?: undefined; detail?: undefined }
  | { path: string; status: "FAILED" | "skipped"; detail: string };

/**
 * Arrays to compare with, in the order of their paths: every .safetensors file that is not a checkpoint, in the folder and those
 * below. A folder that cannot be listed is found as one that failed, an encoder's or adapter's without
 * expected values as one that is skipped.
 */
export function findReferences(folder: string): Found[] {
  return found(folder).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param above real paths of the folders around, into which no link leads back */
function found(folder: string, above: string[] = []): Found[] {
  let entries: Dirent[];
  try {
    const real = realpathSync(folder);
    if (above.includes(real)) return [];
    above = [...above, real];
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [{ path: folder, status: "FAILED", detail: `cannot be listed (${code}): make it readable` }];
  }
  const names = entries.map(({ name }) => name);
  const all: Found[] = [];
  if (CONFIGS.some((name) => names.includes(name)) && !names.includes(EXPECTED))
    all.push({ path: folder, status: "skipped", detail: `no ${EXPECTED}` });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (isFolder(path, entry)) all.push(...found(path, above));
    else if (isArrays(path)) all.push({ path });
  }
  return all;
}

function isFolder(path: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // a link to nothing: as a file it fails with its name
  }
}

const isArrays = (path: string) => path.endsWith(".safetensors") && !/^(adapter_)?model/.test(basename(path));
