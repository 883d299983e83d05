import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "#src/errors.js";

const fresh: string[] = [];
process.once("exit", () => fresh.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A new folder that goes when the process ends. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "daam-test-"));
  fresh.push(folder);
  return folder;
}

/** A folder that goes when the process ends, and a writer of files in it. */
export function temporaryFolder(): { root: string; file: (name: string, bytes: Buffer | string) => string } {
  const root = freshFolder();
  return {
    root,
    file: (name, bytes) => {
      const path = join(root, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      return path;
    },
  };
}

/** For assert.throws and assert.rejects: a UserError of one line that matches. */
export const refusal = (why: RegExp) => (error: unknown) =>
  error instanceof UserError && !error.message.includes("\n") && why.test(error.message);

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
