/** What a WAVE file says of its samples. */
export interface WavChunks {
  format?: Buffer;
  data?: Buffer;
  /** Of the fact chunk. */
  frames?: number;
}

type Refuse = (why: string, remedy?: string) => Error;

/** 32-bit sizes, or 64-bit ones in a chunk of their own (EBU Tech 3306, ITU-R BS.2088). */
const containers = ["RIFF", "RF64", "BW64"];
const HEAD = 12;
/** What follows a chunk, and begins no padding. */
const NEXT = /^(fmt |fact|data|LIST)$/;

/**
 * The chunks that tell of the samples. A size of the data that a writer to a pipe could not know stands for all that follows.
 * @throws what `refuse` makes, for another kind of file and where a chunk claims more than is there.
 */
export function findChunks(bytes: Buffer, refuse: Refuse): WavChunks {
  const container = bytes.toString("latin1", 0, 4);
  if (bytes.length < HEAD || !containers.includes(container) || bytes.toString("latin1", 8, HEAD) !== "WAVE")
    throw refuse("it does not begin with RIFF and WAVE");
  const found: WavChunks = {};
  let wideSize: number | undefined;
  for (let at = HEAD; at + 8 <= bytes.length;) {
    const id = bytes.toString("latin1", at, at + 4);
    const begin = at + 8;
    const rest = bytes.length - begin;
    const told = bytes.readUInt32LE(at + 4);
    const size = id === "data" && told === 0xffffffff ? (wideSize ?? told) : told;
    if (id === "data" && isOpen(size, bytes.subarray(begin)))
      return { ...found, data: bytes.subarray(begin) };
    const end = begin + size;
    if ((id === "fmt " || id === "data") && size > rest)
      throw refuse(`its ${id.trim()} chunk claims ${size} bytes of ${rest}; it is truncated`);
    if (id === "fmt ") found.format = bytes.subarray(begin, end);
    if (id === "fact" && size >= 4 && rest >= 4) found.frames = bytes.readUInt32LE(begin);
    // sizes of the whole, of the data, and the number of frames
    if (id === "ds64" && container !== "RIFF" && size >= 16 && rest >= 16)
      wideSize = Number(bytes.readBigUInt64LE(begin + 8));
    if (id === "data") return { ...found, data: bytes.subarray(begin, end) };
    // chunks are padded to even sizes, but for those of writers that forget it
    at = end + (NEXT.test(bytes.toString("latin1", end, end + 4)) ? 0 : size % 2);
  }
  return found;
}

/**
 * Whether a size of the data says that it was not known when it was written: 0 with samples after it (GStreamer, Python's wave); where the
 * file is shorter, a size within a header's length of the largest signed or unsigned one (SoX, LAME, ffmpeg), or 2^31 (arecord).
 */
function isOpen(size: number, rest: Buffer): boolean {
  if (size === 0) return rest.length > 0 && !areChunks(rest);
  return (
    size > rest.length && [2 ** 31, 2 ** 32, 2 ** 64].some((limit) => size >= limit - 4096 && size <= limit)
  );
}

/** Whether these bytes are chunks to their end, as they follow data of no samples. */
function areChunks(bytes: Buffer): boolean {
  let at = 0;
  while (at + 8 <= bytes.length && /^[ -~]{4}$/.test(bytes.toString("latin1", at, at + 4))) {
    const size = bytes.readUInt32LE(at + 4);
    at += 8 + size + (size % 2);
  }
  return at === bytes.length || at === bytes.length + 1;
}
