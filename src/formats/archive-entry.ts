import type { Readable } from "node:stream";
import { UserError } from "../errors.js";

/** A regular file in an archive. It can be read until the next entry is asked for. */
export interface ArchiveEntry {
  /** Path inside the archive: relative, with `/`, never leaving it. */
  name: string;
  /** Declared unpacked bytes, which the contents are held to. */
  size: number;
  stream(): Promise<Readable>;
  /** @throws UserError when the contents do not have the declared size or checksum. */
  read(): Promise<Buffer>;
}

/** What an archive may claim before it is refused, in bytes and entries. */
export interface ArchiveLimits {
  total: number;
  entry: number;
  entries: number;
}

/** Checks what an archive claims, entry by entry. */
export class Guard {
  private total = 0;
  private count = 0;

  constructor(
    readonly path: string,
    readonly limits: ArchiveLimits,
  ) {}

  admit(name: string, size: number): void {
    const printed = JSON.stringify(name);
    const parts = name.split("/");
    if (/^([/\\]|[a-zA-Z]:)/.test(name) || parts.includes("..") || name.includes("\0") || name.includes("\\"))
      throw this.refuse(`entry ${printed} has a path that leads outside the archive`);
    if (!Number.isSafeInteger(size) || size < 0 || size > this.limits.entry)
      throw this.refuse(`entry ${printed} claims ${size} bytes; at most ${this.limits.entry} are read`);
    this.total += size;
    this.count++;
    if (this.total > this.limits.total || this.count > this.limits.entries)
      throw this.refuse(
        `it claims more than ${this.limits.total} bytes or ${this.limits.entries} entries, up to ${printed}`,
      );
  }

  refuse(why: string): UserError {
    return new UserError(
      `${this.path}: not a readable archive: ${why}; fetch it again from its official source`,
    );
  }
}

/** An entry in memory. What is claimed of its size is not believed before its bytes have come. */
export async function readAll(contents: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of contents) chunks.push(chunk);
  return Buffer.concat(chunks);
}
