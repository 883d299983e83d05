import { UserError } from "../errors.js";
import { type ArchiveEntry, type ArchiveLimits, Guard } from "./archive-entry.js";
import { firstBytes } from "./read.js";
import { tarEntries } from "./tar.js";
import { zipEntries } from "./zip.js";

export type { ArchiveEntry, ArchiveLimits } from "./archive-entry.js";

/** CIFAR-100 and RAVDESS unpack to 185 MB and some 600 MB. */
export const defaultLimits: ArchiveLimits = { total: 2 ** 31, entry: 2 ** 29, entries: 200_000 };

/**
 * The regular files of a zip, tar or tar.gz, in the archive's order. Nothing is unpacked to disk: a caller reads the
 * entries that it wants.
 * @throws UserError for a damaged archive, and for one with links, devices, paths outside or more than `limits`.
 */
export async function* archiveEntries(
  path: string,
  limits: ArchiveLimits = defaultLimits,
): AsyncGenerator<ArchiveEntry> {
  const kind = archiveKind(path);
  const guard = new Guard(path, limits);
  try {
    if (kind === "zip") yield* zipEntries(path, guard);
    else yield* tarEntries(path, kind === "tar.gz", guard);
  } catch (error) {
    throw error instanceof UserError ? error : guard.refuse((error as Error).message);
  }
}

/** Tells the format by the first bytes; what is neither zip nor gzip is left to the tar parser. */
function archiveKind(path: string): "zip" | "tar" | "tar.gz" {
  const head = firstBytes(path, 2).toString("hex");
  return head === "504b" ? "zip" : head === "1f8b" ? "tar.gz" : "tar";
}
