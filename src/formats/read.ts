import { UserError } from "../errors.js";
import { fileSize, readRange } from "./read-range.js";

/** The first `count` bytes of a file, or all of a shorter one. @throws UserError when it cannot be read. */
export function firstBytes(path: string, count: number): Buffer {
  return readRange(path, 0, Math.min(count, fileSize(path)));
}

/** A whole file of at most `limit` bytes. @throws UserError when it cannot be read or is larger. */
export function readBounded(path: string, limit: number): Buffer {
  const size = fileSize(path);
  if (size > limit)
    throw new UserError(
      `${path}: ${size} bytes are too many for a file of its kind (${limit}); check what it is`,
    );
  return readRange(path, 0, size);
}
