import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import type yauzl from "yauzl";
import { type ArchiveEntry, type Guard, readAll } from "./archive-entry.js";
import { openZip } from "./open-zip.js";

/** Deflate cannot shrink by more (zlib's technical notes); a higher claim is false. */
const MAX_DEFLATE_RATIO = 1032;
const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

/** The regular files of a zip in the order of its central directory; see `archiveEntries`. */
export async function* zipEntries(path: string, guard: Guard): AsyncGenerator<ArchiveEntry> {
  const zip = await openZip(path, { strictFileNames: true });
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName: name, uncompressedSize: size } = entry;
      guard.admit(name, size);
      const refuse = (why: string) => guard.refuse(`entry ${JSON.stringify(name)} ${why}`);
      const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
      if (type !== 0 && type !== REGULAR && type !== FOLDER) throw refuse("is a link or a device");
      if (name.endsWith("/")) continue;
      if (entry.isEncrypted()) throw refuse("is encrypted");
      if (!entry.canDecodeFileData()) throw refuse(`uses compression method ${entry.compressionMethod}`);
      if (entry.compressedSize > zip.fileSize) throw refuse("is larger than the archive");
      if (size > MAX_DEFLATE_RATIO * entry.compressedSize + 64)
        throw refuse(`claims ${size} bytes out of ${entry.compressedSize}`);
      const contents = checked(zip, entry, refuse);
      yield { name, size, stream: async () => Readable.from(contents), read: () => readAll(contents) };
    }
  } finally {
    zip.close();
  }
}

/** The unpacked bytes; the checksum is held against them at the end, which the library leaves to its user. */
async function* checked(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  refuse: (why: string) => Error,
): AsyncGenerator<Buffer> {
  let sum = 0;
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      sum = crc32(chunk as Buffer, sum);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw refuse(`cannot be unpacked (${(error as Error).message})`);
  }
  if (sum !== entry.crc32) throw refuse("does not have its checksum");
}
