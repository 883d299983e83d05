import { UserError } from "../errors.js";

export const CIFAR_IMAGE = { channels: 3, height: 32, width: 32 };
const PIXELS = CIFAR_IMAGE.channels * CIFAR_IMAGE.height * CIFAR_IMAGE.width;
/** Bytes of a record of CIFAR-100: coarse label, fine label, pixels. */
export const CIFAR_RECORD = 2 + PIXELS;

export interface CifarRecord {
  /** 0–19. */
  coarse: number;
  /** 0–99. */
  fine: number;
  /** [3, 32, 32]: red, green, blue planes. */
  pixels: Uint8Array;
}

/**
 * The records of CIFAR-100's binary version, as they arrive.
 * @param name what errors begin with.
 * @throws UserError for labels out of range and for a cut record.
 */
export async function* cifarRecords(
  source: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<CifarRecord> {
  const refuse = (why: string) =>
    new UserError(`${name}: not CIFAR-100's binary version: ${why}; fetch it again`);
  let rest: Buffer = Buffer.alloc(0);
  let index = 0;
  for await (const chunk of source) {
    let bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    for (; bytes.length >= CIFAR_RECORD; bytes = bytes.subarray(CIFAR_RECORD), index++) {
      const [coarse, fine] = [bytes[0]!, bytes[1]!];
      if (coarse >= 20 || fine >= 100) throw refuse(`record ${index} has the labels ${coarse} and ${fine}`);
      yield { coarse, fine, pixels: Uint8Array.from(bytes.subarray(2, CIFAR_RECORD)) };
    }
    rest = bytes;
  }
  if (rest.length) throw refuse(`record ${index} has ${rest.length} of ${CIFAR_RECORD} bytes`);
  if (index === 0) throw refuse("it holds no records");
}
