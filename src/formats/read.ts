import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { UserError } from "../errors.js";

/** The first `count` bytes of a file, or all of a shorter one. @throws UserError when it cannot be read. */
export function firstBytes(path: string, count: number): Buffer {
  return reading(path, (file) => {
    const head = Buffer.alloc(count);
    return head.subarray(0, readSync(file, head, 0, count, 0));
  });
}

/** A whole file of at most `limit` bytes. @throws UserError when it cannot be read or is larger. */
export function readBounded(path: string, limit: number): Buffer {
  return reading(path, (file) => {
    const { size } = fstatSync(file);
    if (size > limit)
      throw new UserError(`${path}: ${size} bytes are too many for a file of its kind (${limit})`);
    return readFileSync(file);
  });
}

function reading<T>(path: string, read: (file: number) => T): T {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return read(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code}); check the path`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
