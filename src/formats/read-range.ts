import { closeSync, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { UserError } from "../errors.js";

/** What one call of the operating system reads at most. */
const PIECE = 2 ** 30;

/**
 * The bytes [begin, end) of a file, in a buffer of their own (so that they can be viewed as floats in place).
 * @throws UserError if the file cannot be opened or ends before `end`.
 */
export function readRange(path: string, begin: number, end: number): Buffer {
  const [bytes] = readPieces(path, begin, end, Infinity);
  return bytes ?? Buffer.alloc(0);
}

/**
 * The same in pieces of at most so many bytes, which come one after the other in the same memory.
 * @throws UserError as {@link readRange} does
 */
export function* readPieces(path: string, begin: number, end: number, most: number): Generator<Buffer> {
  const file = open(path);
  try {
    const { size } = fstatSync(file);
    if (!(begin >= 0 && begin <= end && end <= size))
      throw new UserError(
        `${path} has ${size} bytes, not those from ${begin} to ${end}: it is damaged; fetch it again`,
      );
    const memory = Buffer.from(new ArrayBuffer(Math.min(most, end - begin)));
    for (let at = begin; at < end; at += memory.length) {
      const bytes = memory.subarray(0, Math.min(memory.length, end - at));
      fill(path, file, bytes, at);
      yield bytes;
    }
  } finally {
    closeSync(file);
  }
}

function fill(path: string, file: number, bytes: Buffer, begin: number): void {
  for (let done = 0; done < bytes.length;) {
    const read = readSync(file, bytes, done, Math.min(PIECE, bytes.length - done), begin + done);
    if (read === 0) throw new UserError(`${path} became shorter while it was read; fetch it again`);
    done += read;
  }
}

/** Bytes of a file. @throws UserError if it cannot be opened or is no regular file. */
export function fileSize(path: string): number {
  const file = open(path);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new UserError(`${path} is not a file; name a file`);
    return stat.size;
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && lstatSync(path, { throwIfNoEntry: false }))
      throw new UserError(
        `${path} is a link to nothing; copy its folder again with what its links point to (cp -rL)`,
      );
    throw new UserError(`${path} cannot be opened (${code}); check the name and its permissions`);
  }
}
