import { UserError } from "../errors.js";
import { ByteArray, Dtype } from "./numpy-pickle.js";
import type { SafeDtype } from "./safetensors.js";

/** A tensor as a PyTorch checkpoint describes it: a strided view of a storage that lies elsewhere in the archive. */
export class TensorView {
  constructor(
    readonly storage: Storage,
    /** first element, in elements */
    readonly offset: number,
    readonly shape: number[],
    /** in elements */
    readonly strides: number[],
  ) {}
}

/** A typed storage of `elements` values, in a zip the entry `data/<key>`. */
export class Storage {
  constructor(
    readonly key: string,
    readonly dtype: SafeDtype,
    readonly elements: number,
  ) {}
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Buffer
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | TensorView
  | ByteArray
  | Dtype
  | Storage
  | Global;

/** A name that the pickle refers to; only those of `constructors` and `storages` pass. */
class Global {
  constructor(readonly name: string) {}
}

const MARK = Symbol("mark");
type Slot = PickleValue | typeof MARK;

const storages: Record<string, SafeDtype> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

const constructors: Record<string, (args: PickleValue[]) => PickleValue | undefined> = {
  "collections.OrderedDict": (args) => (args.length === 0 ? new Map() : undefined),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides]) => {
    const whole = (list: PickleValue | undefined): list is number[] =>
      Array.isArray(list) && list.every((n) => isWhole(n));
    if (!(storage instanceof Storage) || !isWhole(offset) || !whole(shape) || !whole(strides))
      return undefined;
    const elements = shape.reduce((product, n) => product * n, 1);
    const last = shape.reduce((index, n, axis) => index + (n - 1) * strides[axis]!, offset);
    // a view no larger than its storage: strides of 0 would let a few bytes stand for any amount of memory
    const fits = elements === 0 || (last < storage.elements && elements <= storage.elements);
    return strides.length === shape.length && fits
      ? new TensorView(storage, offset, shape, strides)
      : undefined;
  },
  "torch._utils._rebuild_parameter": ([tensor]) => (tensor instanceof TensorView ? tensor : undefined),
  "numpy.core.multiarray._reconstruct": newArray,
  "numpy._core.multiarray._reconstruct": newArray,
  // as Python 3 writes bytes in protocol 2
  "_codecs.encode": ([text, code]) =>
    typeof text === "string" && code === "latin1" ? named(Buffer.from(text, "latin1")) : undefined,
  "numpy.dtype": ([name]) => (typeof name === "string" ? new Dtype(name) : undefined),
};

/** Passed on to a constructor, and no more. */
const classes = ["numpy.ndarray"];

function newArray([type]: PickleValue[]): PickleValue | undefined {
  return type instanceof Global && type.name === "numpy.ndarray" ? new ByteArray() : undefined;
}

/** Names are bytes in Python 2; what is longer is contents. */
function named(bytes: Buffer): string | Buffer {
  return bytes.length < 256 ? bytes.toString("latin1") : bytes;
}

function isWhole(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/**
 * Reads a pickle that holds tensors, arrays of bytes, numbers, texts, lists and dictionaries, and nothing else: no name in it is ever looked up
 * or called. The opcodes are those of Python's pickletools, protocols 2 to 5.
 * @param path named in errors.
 * @throws UserError for any other global (by name), an opcode that checkpoints do not use, or damage.
 */
export function readPickle(bytes: Buffer, path: string): PickleValue {
  return readPickleAt(bytes, path, 0).value;
}

/** The same for one of several pickles in a row: its value, the storages that it refers to by key, and where the next one begins. */
export function readPickleAt(
  bytes: Buffer,
  path: string,
  begin: number,
): { value: PickleValue; storages: ReadonlyMap<string, Storage>; end: number } {
  const unpickler = new Unpickler(bytes, path, begin);
  return { value: unpickler.read(), storages: unpickler.storages, end: unpickler.at };
}

class Unpickler {
  readonly storages = new Map<string, Storage>();
  private stack: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(
    private readonly bytes: Buffer,
    private readonly path: string,
    /** the byte that is read next */
    public at: number,
  ) {}

  read(): PickleValue {
    for (;;) {
      const opcode = this.unsigned(1);
      if (opcode === 0x2e) return this.pop(); // STOP
      const step = opcodes[opcode];
      if (!step)
        throw this.refuse(
          `opcode 0x${opcode.toString(16)} at byte ${this.at - 1} has no place in a checkpoint`,
        );
      step(this);
    }
  }

  refuse(why: string): UserError {
    return new UserError(
      `${this.path} is not a checkpoint that can be read safely: ${why}; get it as safetensors`,
    );
  }

  take(length: number): Buffer {
    const end = this.at + length;
    if (!(length >= 0 && end <= this.bytes.length))
      throw this.refuse(`it ends within an item at byte ${this.at} (truncated or damaged)`);
    const piece = this.bytes.subarray(this.at, end);
    this.at = end;
    return piece;
  }

  unsigned(size: 1 | 2 | 4 | 8): number {
    const bytes = this.take(size);
    return size === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, size);
  }

  /** A line of text, as GLOBAL has two. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.refuse("a name in it does not end");
    const text = this.take(end - this.at).toString("utf8");
    this.at++;
    return text;
  }

  push(value: Slot): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw this.refuse("its stack runs empty (damaged)");
    return value;
  }

  top(): PickleValue {
    const value = this.pop();
    this.push(value);
    return value;
  }

  /** What lies above the last mark; the mark goes too. */
  aboveMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.refuse("its stack has no mark (damaged)");
    const items = this.stack.slice(mark + 1) as PickleValue[];
    this.stack.length = mark;
    return items;
  }

  remember(key: number): void {
    this.memo.set(key, this.top());
  }

  nextMemoKey(): number {
    return this.memo.size;
  }

  recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) throw this.refuse(`it refers to item ${key}, which it never stored (damaged)`);
    this.push(value);
  }

  global(name: string): void {
    if (!Object.hasOwn(storages, name) && !Object.hasOwn(constructors, name) && !classes.includes(name))
      throw this.refuse(`it asks for ${JSON.stringify(name)}, which is no part of a tensor`);
    this.push(new Global(name));
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    const name = callee instanceof Global ? callee.name : "a value";
    const build = Object.hasOwn(constructors, name) ? constructors[name] : undefined;
    const value = build && Array.isArray(args) ? build(args) : undefined;
    if (value === undefined)
      throw this.refuse(`its call of ${name} does not fit what it describes (damaged)`);
    this.push(value);
  }

  /** ("storage", type, key, device, elements) → Storage */
  storage(): void {
    const id = this.pop();
    const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
    const dtype = type instanceof Global ? storages[type.name] : undefined;
    if (kind !== "storage" || !dtype || typeof key !== "string" || !/^\d+$/.test(key) || !isWhole(elements))
      throw this.refuse("it refers to something other than a storage of the archive");
    const storage = new Storage(key, dtype, elements);
    this.storages.set(key, storage);
    this.push(storage);
  }

  setItems(items: PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2)
      throw this.refuse("it fills something that is no dictionary");
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  }

  append(items: PickleValue[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw this.refuse("it fills something that is no list");
    for (const item of items) target.push(item);
  }

  /** Of an array; attributes of a dictionary (a state dict's `_metadata`) say nothing about tensors and are dropped. */
  setState(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof ByteArray) {
      if (!target.setState(state)) throw this.refuse("it holds a NumPy array of other than bytes");
    } else if (!(target instanceof Map || target instanceof Dtype))
      throw this.refuse("it sets the state of something that is no dictionary");
  }

  /** Little-endian two's complement of any length. */
  long(length: number): void {
    if (length > 8) throw this.refuse(`an integer of ${length} bytes`);
    const value =
      length === 0 ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${reversedHex(this.take(length))}`));
    this.push(Number(value));
  }
}

function reversedHex(bytes: Buffer): string {
  return Buffer.from(bytes).reverse().toString("hex");
}

const text = (u: Unpickler, length: number) => u.push(u.take(length).toString("utf8"));
const bytes = (u: Unpickler, length: number) => u.push(named(u.take(length)));
const tuple = (n: number) => (u: Unpickler) => u.push(Array.from({ length: n }, () => u.pop()).reverse());

const opcodes: Record<number, (u: Unpickler) => void> = {
  0x80: (u) => void u.take(1), // PROTO
  0x95: (u) => void u.take(8), // FRAME
  0x28: (u) => u.push(MARK),
  0x4e: (u) => u.push(null),
  0x88: (u) => u.push(true),
  0x89: (u) => u.push(false),
  0x4b: (u) => u.push(u.unsigned(1)), // BININT1
  0x4d: (u) => u.push(u.unsigned(2)), // BININT2
  0x4a: (u) => u.push(u.take(4).readInt32LE()), // BININT
  0x8a: (u) => u.long(u.unsigned(1)), // LONG1
  0x47: (u) => u.push(u.take(8).readDoubleBE()), // BINFLOAT
  0x58: (u) => text(u, u.unsigned(4)), // BINUNICODE
  0x8c: (u) => text(u, u.unsigned(1)), // SHORT_BINUNICODE
  0x8d: (u) => text(u, u.unsigned(8)), // BINUNICODE8
  0x55: (u) => bytes(u, u.unsigned(1)), // SHORT_BINSTRING
  0x54: (u) => bytes(u, u.unsigned(4)), // BINSTRING
  0x43: (u) => bytes(u, u.unsigned(1)), // SHORT_BINBYTES
  0x42: (u) => bytes(u, u.unsigned(4)), // BINBYTES
  0x29: (u) => u.push([]), // EMPTY_TUPLE
  0x85: tuple(1),
  0x86: tuple(2),
  0x87: tuple(3),
  0x74: (u) => u.push(u.aboveMark()), // TUPLE
  0x5d: (u) => u.push([]), // EMPTY_LIST
  0x61: (u) => u.append([u.pop()]), // APPEND
  0x65: (u) => u.append(u.aboveMark()), // APPENDS
  0x7d: (u) => u.push(new Map()), // EMPTY_DICT
  0x73: (u) => u.setItems([u.pop(), u.pop()].reverse()), // SETITEM
  0x75: (u) => u.setItems(u.aboveMark()), // SETITEMS
  0x71: (u) => u.remember(u.unsigned(1)), // BINPUT
  0x72: (u) => u.remember(u.unsigned(4)), // LONG_BINPUT
  0x94: (u) => u.remember(u.nextMemoKey()), // MEMOIZE
  0x68: (u) => u.recall(u.unsigned(1)), // BINGET
  0x6a: (u) => u.recall(u.unsigned(4)), // LONG_BINGET
  0x63: (u) => u.global(`${u.line()}.${u.line()}`), // GLOBAL
  0x93: (u) => u.global([u.pop(), u.pop()].reverse().join(".")), // STACK_GLOBAL
  0x52: (u) => u.reduce(),
  0x51: (u) => u.storage(), // BINPERSID
  0x62: (u) => u.setState(), // BUILD
};
