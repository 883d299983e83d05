import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { UserError } from "../errors.js";
import { type ArchiveEntry, type Guard, readAll } from "./archive-entry.js";

const FILES = ["File", "OldFile", "ContiguousFile"];
const FOLDERS = ["Directory", "GNUDumpDir"];
/** Headers and padding around an entry's contents. */
const OVERHEAD_BYTES = 2048;
const GZIP = 0x1f8b;

/** The regular files of a tar, gzipped or not, in file order; see `archiveEntries`. */
export async function* tarEntries(
  path: string,
  gzipped: boolean,
  guard: Guard,
): AsyncGenerator<ArchiveEntry> {
  const tar = new TarPump(unpacked(path, gzipped), guard);
  try {
    for (let entry = await tar.next(); entry; entry = await tar.next()) {
      const { path: name, size, type } = entry;
      guard.admit(name, size);
      const file = FILES.includes(type);
      if (!file && !FOLDERS.includes(type))
        throw guard.refuse(`entry ${JSON.stringify(name)} is a ${type}, not a file`);
      const contents = tar.contents(entry);
      if (file)
        yield {
          name,
          size,
          stream: async () => Readable.from(contents),
          read: () => readAll(contents),
        };
      while (!(await contents.next()).done);
    }
  } finally {
    tar.close();
  }
}

function unpacked(path: string, gzipped: boolean): Readable {
  const file = createReadStream(path);
  // the reader of the end of the pipeline gets its error
  return gzipped ? pipeline(file, createGunzip(), () => {}) : file;
}

/** Feeds the parser a chunk at a time, as far as the reader has asked for. */
class TarPump {
  private readonly found: ReadEntry[] = [];
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly parser: Parser;
  private error?: Error;
  private fed = 0;
  private ended = false;
  /** a block of zeros has come, of which two end a tar (some writers leave it at one) */
  private closed = false;

  constructor(
    private readonly source: Readable,
    private readonly guard: Guard,
  ) {
    this.chunks = source[Symbol.asyncIterator]();
    this.parser = new Parser({
      strict: true,
      gzip: false,
      zstd: false,
      onReadEntry: (entry) => this.found.push(entry),
    });
    this.parser.on("error", (error: Error) => (this.error ??= error));
    this.parser.on("nullBlock", () => (this.closed = true));
  }

  async next(): Promise<ReadEntry | undefined> {
    while (this.found.length === 0 && !this.ended) await this.pump();
    return this.found.shift();
  }

  async *contents(entry: ReadEntry): AsyncGenerator<Buffer> {
    const ready: Buffer[] = [];
    let [filled, done] = [0, false];
    entry.on("data", (chunk: Buffer) => ready.push(chunk));
    entry.on("end", () => (done = true));
    for (;;) {
      for (let chunk = ready.shift(); chunk; chunk = ready.shift()) {
        filled += chunk.length;
        yield chunk;
      }
      if (done || this.ended) break;
      await this.pump();
    }
    if (filled !== entry.size)
      throw this.guard.refuse(
        `entry ${JSON.stringify(entry.path)} holds ${filled} of its ${entry.size} bytes`,
      );
  }

  close(): void {
    this.source.destroy();
  }

  private async pump(): Promise<void> {
    try {
      const { value, done } = await this.chunks.next();
      if (done) {
        this.ended = true;
        this.parser.end();
        if (!this.closed)
          this.error ??= new Error("it is truncated: the blocks of zeros that end a tar are missing");
      } else {
        this.admit(value);
        this.parser.write(value);
      }
    } catch (error) {
      const cut = (error as NodeJS.ErrnoException).code === "Z_BUF_ERROR";
      this.error ??= cut
        ? new Error("its compressed data has no end, as that of an unfinished download")
        : (error as Error);
    }
    if (this.error)
      throw this.error instanceof UserError ? this.error : this.guard.refuse(this.error.message);
  }

  private admit(chunk: Buffer): void {
    const { total, entries } = this.guard.limits;
    if (this.fed === 0 && chunk.length > 1 && chunk.readUInt16BE(0) === GZIP)
      throw this.guard.refuse("it is gzipped twice");
    this.fed += chunk.length;
    if (this.fed > total + OVERHEAD_BYTES * entries)
      throw this.guard.refuse(`it unpacks to more than ${total} bytes`);
  }
}
