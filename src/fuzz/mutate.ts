import type { Random } from "../random.js";

/** What breaks parsers of text and of binary lengths. */
const TOKENS = [
  '"',
  ",",
  "[",
  "]",
  "{}",
  "null",
  "-1",
  "1e999",
  "99999999999999999999",
  "\n",
  "\0",
  "../",
  "%",
  "\t",
];
const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const mutations: Mutation[] = [
  function flipBit(bytes, random) {
    const at = place(bytes, random);
    bytes[at]! ^= 1 << random.below(8);
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[place(bytes, random)] = random.below(256);
    return bytes;
  },
  function setWord(bytes, random) {
    const width = [2, 4, 8][random.below(3)]!;
    if (bytes.length < width) return bytes;
    const at = Math.min(place(bytes, random), bytes.length - width);
    const value = [...WORDS, bytes.length, bytes.length + 1][random.below(WORDS.length + 2)]!;
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value) << BigInt(8 * random.below(5)), at);
    else bytes.writeUIntLE(width === 2 ? value & 0xffff : value, at, width);
    return bytes;
  },
  function setDigit(bytes, random) {
    const digits = [...bytes.keys()].filter((at) => bytes[at]! >= 0x30 && bytes[at]! <= 0x39);
    if (digits.length) bytes[digits[random.below(digits.length)]!] = 0x30 + random.below(10);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function cut(bytes, random) {
    const [begin, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
  },
  function repeat(bytes, random) {
    const [begin, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(begin, end), bytes.subarray(end)]);
  },
  function insert(bytes, random) {
    const at = place(bytes, random);
    const piece = Buffer.from(TOKENS[random.below(TOKENS.length)]!, "latin1");
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
];

/** A copy of `bytes` with one to four things wrong. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let mutant: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0 && mutant.length > 1; left--)
    mutant = mutations[random.below(mutations.length)]!(mutant, random);
  return mutant;
}

/** Half the time near the start or the end, where formats keep their tables. */
function place(bytes: Buffer, random: Random): number {
  const near = Math.min(bytes.length, 256);
  const where = random.below(4);
  if (where === 0) return random.below(near);
  if (where === 1) return bytes.length - 1 - random.below(near);
  return random.below(bytes.length);
}

function range(bytes: Buffer, random: Random): [number, number] {
  const begin = place(bytes, random);
  return [begin, Math.min(bytes.length, begin + 1 + random.below(64))];
}
