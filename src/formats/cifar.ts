import { UserError } from "../errors.js";
import { ByteArray } from "./numpy-pickle.js";
import { type PickleValue, readPickle } from "./pickle.js";

export const CIFAR_IMAGE = { channels: 3, height: 32, width: 32 };
const PIXELS = CIFAR_IMAGE.channels * CIFAR_IMAGE.height * CIFAR_IMAGE.width;
/** Bytes of a record of CIFAR-100: coarse label, fine label, pixels. */
export const CIFAR_RECORD = 2 + PIXELS;
const [COARSE, FINE] = [20, 100];

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
      if (coarse >= COARSE || fine >= FINE)
        throw refuse(`record ${index} has the labels ${coarse} and ${fine}`);
      yield { coarse, fine, pixels: Uint8Array.from(bytes.subarray(2, CIFAR_RECORD)) };
    }
    rest = bytes;
  }
  if (rest.length) throw refuse(`record ${index} has ${rest.length} of ${CIFAR_RECORD} bytes`);
  if (index === 0) throw refuse("it holds no records");
}

/**
 * The records of CIFAR-100's Python version, a pickle of two lists of labels and an array [n, 3072].
 * @param name what errors begin with.
 * @throws UserError for any other pickle, and for labels out of range.
 */
export function* cifarPickle(bytes: Buffer, name: string): Generator<CifarRecord> {
  const refuse = (why: string) =>
    new UserError(`${name}: not CIFAR-100's Python version: ${why}; fetch it again, or the binary version`);
  if (bytes[0] !== 0x80) throw refuse("it does not begin as a pickle does");
  let batch: PickleValue;
  try {
    batch = readPickle(bytes, name);
  } catch {
    throw refuse("it is damaged, or its pickle holds more than labels, names and an array of bytes");
  }
  if (!(batch instanceof Map)) throw refuse("it is no dictionary");
  const [data, fine, coarse] = ["data", "fine_labels", "coarse_labels"].map((key) => batch.get(key));
  if (!(data instanceof ByteArray) || !Array.isArray(fine) || !Array.isArray(coarse))
    throw refuse(
      `it holds ${[...batch.keys()].map(String).join(", ").slice(0, 80)}, not data and two lists of labels`,
    );
  const [count, width] = data.shape;
  if (data.shape.length !== 2 || width !== PIXELS || fine.length !== count || coarse.length !== count)
    throw refuse(`its array is [${data.shape.join(", ")}] with ${fine.length} and ${coarse.length} labels`);
  const isLabel = (value: unknown, classes: number): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < classes;
  for (let i = 0; i < count!; i++) {
    const [ofAll, ofFew] = [fine[i], coarse[i]];
    if (!isLabel(ofAll, FINE) || !isLabel(ofFew, COARSE)) throw refuse(`image ${i} has no labels in range`);
    yield {
      coarse: ofFew,
      fine: ofAll,
      pixels: Uint8Array.from(data.bytes.subarray(PIXELS * i, PIXELS * (i + 1))),
    };
  }
}
