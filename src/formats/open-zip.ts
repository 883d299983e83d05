import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import yauzl from "yauzl";
import { fileSize, readRange } from "./read-range.js";

/**
 * Opens a zip with yauzl, over a reader that answers every impossible position with an error: yauzl's own passes damaged 64-bit
 * offsets on to Node, whose exception then escapes.
 */
export async function openZip(path: string, options: yauzl.Options = {}): Promise<yauzl.ZipFile> {
  return yauzl.fromRandomAccessReaderPromise(new CheckedReader(path), fileSize(path), options);
}

class CheckedReader extends yauzl.RandomAccessReader {
  constructor(private readonly path: string) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      readRange(this.path, position, position + length).copy(buffer, offset);
    } catch (error) {
      failure = error as Error;
    }
    callback(failure);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return createReadStream(this.path, { start, end: end - 1 });
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}
