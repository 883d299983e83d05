import { existsSync } from "node:fs";
import { basename } from "node:path";
import { UserError } from "../errors.js";
import { fileSize, readRange } from "./read-range.js";
import { firstBytes } from "./read.js";

/** First bytes that suffice; a page may begin with a comment or spaces. */
export const IMPOSTOR_HEAD = 1024;
/** What browsers and downloaders call a file that they have not finished. */
export const UNFINISHED = /\.(part|partial|crdownload|download|opdownload|incomplete|aria2|!qb)$/i;
/** Error messages of servers, saved as the file, are short. */
const MAX_ANSWER = 4096;
/** A zip's end record and the longest comment behind it. */
const ZIP_END = 22 + 0xffff;

const AGAIN = "fetch it again";
const latin1 = (head: Buffer) => head.toString("latin1");
const starts = (...signatures: string[]) => {
  const all = signatures.map((signature) => Buffer.from(signature, "latin1"));
  return (head: Buffer) => all.some((bytes) => head.subarray(0, bytes.length).equals(bytes));
};

/** What lies in a file's place without being data, or in a format that nothing here reads; in order of precedence. */
const impostors: { is: (head: Buffer, bytes: number) => boolean; says: (head: Buffer) => string }[] = [
  { is: (_, bytes) => bytes === 0, says: () => `is empty: ${AGAIN}` },
  {
    is: starts("version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/"),
    says: (head) => {
      const size = /^size (\d+)$/m.exec(latin1(head))?.[1];
      return `is a git-LFS pointer, not the file${size ? ` of ${size} bytes` : ""} itself: run \`git lfs pull\` in its folder, or ${AGAIN}`;
    },
  },
  {
    is: starts("/annex/objects/", "../.git/annex/objects/", ".git/annex/objects/"),
    says: () => "is a git-annex pointer, not the file itself: run `git annex get` in its folder",
  },
  {
    is: (head) =>
      /^(\xef\xbb\xbf)?\s*(<!--[^]*?-->\s*)*<(!doctype html|html|head|body)\b/i.test(latin1(head)),
    says: (head) => {
      const title = /<title[^>]*>\s*([^<]{1,60}?)\s*</i.exec(head.toString("utf8"))?.[1];
      return `is an HTML page${title ? ` (${JSON.stringify(title)})` : ""}, not the file: download the file itself, signed in where its page asks for it`;
    },
  },
  {
    is: (head, bytes) =>
      bytes <= MAX_ANSWER &&
      /^\s*(<\?xml[^>]*>\s*<Error>|\{\s*"(error|message|detail)"\s*:|(404: )?Not Found|(Entry|Repository|File) not found|Access (to|denied)|Forbidden|Unauthorized|Invalid (username|credentials)|Too Many Requests|429\b)/i.test(
        latin1(head),
      ),
    says: (head) =>
      `is a server's error message (${JSON.stringify(head.toString("utf8").trim().slice(0, 60))}), not the file: ${AGAIN}`,
  },
  {
    is: (head, bytes) => bytes >= 512 && head.every((byte) => byte === 0),
    says: () => `begins with zeros alone, as an unfinished download does: ${AGAIN}`,
  },
  { is: starts("%PDF-"), says: () => `is a PDF document, not the file: ${AGAIN}` },
  { is: starts("Rar!\x1a\x07"), says: () => "is a RAR archive, which is not read: unpack it (unrar x)" },
  { is: starts("7z\xbc\xaf\x27\x1c"), says: () => "is a 7z archive, which is not read: unpack it (7z x)" },
  { is: starts("\xfd7zXZ\0"), says: () => "is compressed with xz, which is not read: unpack it (xz -d)" },
  { is: starts("BZh"), says: () => "is compressed with bzip2, which is not read: unpack it (bzip2 -d)" },
  {
    is: starts("\x28\xb5\x2f\xfd"),
    says: () => "is compressed with zstd, which is not read: unpack it (zstd -d)",
  },
  { is: starts("PAR1"), says: () => "is an Apache Parquet file, which is not read: export it as CSV" },
  {
    is: starts("\x89HDF\r\n\x1a\n"),
    says: () => "is an HDF5 file, which is not read: get it as safetensors",
  },
];

/**
 * Tells what stands in a file's place: a git-LFS pointer, a web page, a server's error message, nothing, an archive of another kind.
 * @param head its first bytes, `IMPOSTOR_HEAD` of them where it has as many
 * @param bytes its size
 * @returns what follows the file's name in a message, with the remedy ("is a git-LFS pointer, …"); undefined where nothing is known
 * against it, which does not say that it can be read
 */
export function impostorOf(head: Buffer, bytes: number): string | undefined {
  return impostors.find(({ is }) => is(head, bytes))?.says(head);
}

/**
 * `impostorOf` for a file, and unfinished downloads: by their names, by what a downloader left beside them, and a zip without its end.
 * @throws UserError where it cannot be opened.
 */
export function impostor(path: string): string | undefined {
  const beside = ["part", "crdownload", "aria2"]
    .map((end) => `${path}.${end}`)
    .find((name) => existsSync(name));
  const bytes = fileSize(path);
  if (UNFINISHED.test(path)) return `is an unfinished download of ${bytes} bytes: let it finish, or ${AGAIN}`;
  if (beside && (bytes === 0 || beside.endsWith(".aria2")))
    return `is an unfinished download (${basename(beside)} lies beside it): let it finish, or ${AGAIN}`;
  const head = firstBytes(path, IMPOSTOR_HEAD);
  const known = impostorOf(head, bytes);
  if (known) return known;
  if (
    starts("PK\x03\x04")(head) &&
    !readRange(path, Math.max(0, bytes - ZIP_END), bytes).includes("PK\x05\x06")
  )
    return `is the beginning of a zip (${bytes} bytes, its end is missing), an unfinished download: ${AGAIN}`;
  return undefined;
}

/** @throws UserError that names what stands in the file's place. */
export function refuseImpostor(path: string): void {
  const why = impostor(path);
  if (why) throw new UserError(`${path} ${why}`);
}
