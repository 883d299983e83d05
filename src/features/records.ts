import {
  closeSync,
  existsSync,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { crc32 } from "node:zlib";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { guard, writeAll } from "../files.js";
import { readRange } from "../formats/read-range.js";
import { readHeader } from "../formats/safetensors.js";

/** What a feature file says of an item, apart from its hidden states. */
export interface ItemNote {
  id: string;
  label: number;
  /** 0 train, 1 test. */
  split?: number;
  fold?: number;
  group?: number;
  /** Checksum of its hidden states' bytes; files made before it was kept have none. */
  crc32?: number;
}

/** Room for the header at the start of the file; safetensors allows it to be padded with spaces. */
const HEADER = 4096;

/**
 * A feature file that grows record by record in `folder` and survives `kill -9`: records of one width in `features.part`,
 * their notes in `items.jsonl`. What is whole in both counts, up to the first damaged record; the rest is cut off when it is opened again.
 */
export class RecordWriter {
  private readonly notes: ItemNote[];
  private readonly records: number;
  private readonly journal: number;
  private closed = false;

  private constructor(
    private readonly folder: string,
    private readonly layers: number,
    private readonly features: number,
  ) {
    mkdirSync(folder, { recursive: true });
    this.records = openSync(this.part, existsSync(this.part) ? "r+" : "w+");
    this.notes = readNotes(this.journalPath);
    this.journal = openSync(this.journalPath, "a");
    this.cut(Math.max(0, Math.floor((fstatSync(this.records).size - HEADER) / this.recordBytes)));
    const damaged = firstDamaged(this.records, this.notes, this.recordBytes);
    if (damaged !== undefined) this.cut(damaged);
  }

  /** Starts the file in `folder`, or goes on with the one there. @throws UserError where the folder cannot be written. */
  static open(folder: string, layers: number, features: number): RecordWriter {
    return guard(folder, () => new RecordWriter(folder, layers, features));
  }

  /** Opens a damaged finished file again, to go on after its last sound record; one without checksums starts over. */
  static reopen(folder: string): void {
    guard(folder, () => {
      const journal = join(folder, JOURNAL);
      if (readNotes(journal).every((note) => note.crc32 !== undefined))
        return renameSync(RecordWriter.finished(folder), join(folder, PART));
      rmSync(journal, { force: true });
      rmSync(RecordWriter.finished(folder));
    });
  }

  /** Path of the finished file. */
  static finished(folder: string): string {
    return join(folder, "features.safetensors");
  }

  /** Records that are there already, in order. */
  get ids(): string[] {
    return this.notes.map(({ id }) => id);
  }

  /** Keeps the first `count` records, all where there are no more. */
  keep(count: number): void {
    guard(this.folder, () => this.cut(count));
  }

  /**
   * Appends records: hidden states float32 [notes, layers, features].
   * @throws UserError naming the item where a value is NaN or infinite, or where the disk is full
   */
  append(values: Float32Array, notes: readonly ItemNote[]): void {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const { id } = notes[Math.floor(bad / (this.layers * this.features))]!;
      throw new UserError(
        `item ${id} has a hidden state of ${values[bad]}: check the encoder's weights and this input`,
      );
    }
    guard(this.folder, () => {
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const sealed = notes.map((note, i) => {
        const at = i * this.recordBytes;
        return { ...note, crc32: crc32(bytes.subarray(at, at + this.recordBytes)) };
      });
      writeAll(this.records, bytes, HEADER + this.notes.length * this.recordBytes);
      fsyncSync(this.records);
      // The notes go last: a record without one does not count.
      writeAll(this.journal, Buffer.from(sealed.map(toLine).join("")));
      fsyncSync(this.journal);
      this.notes.push(...sealed);
    });
  }

  /** Completes the file: a safetensors file with `features`, `labels`, and `split` or `fold` and `group`. Returns its path. */
  finish(about: object): string {
    return guard(this.folder, () => {
      const text = JSON.stringify(about);
      const header: Record<string, object> = {
        __metadata__: { about: text, about_crc32: crc32(text).toString(16) },
      };
      let end = this.notes.length * this.recordBytes;
      header.features = {
        dtype: "F32",
        shape: [this.notes.length, this.layers, this.features],
        data_offsets: [0, end],
      };
      for (const [name, column] of columnsOf(this.notes)) {
        writeAll(this.records, Buffer.from(column.buffer), HEADER + end);
        header[name] = { dtype: "I32", shape: [column.length], data_offsets: [end, end + column.byteLength] };
        end += column.byteLength;
      }
      const start = Buffer.alloc(HEADER, " ");
      start.writeBigUInt64LE(BigInt(HEADER - 8));
      if (start.write(JSON.stringify(header), 8) < JSON.stringify(header).length)
        throw new Error("the header is too long");
      writeAll(this.records, start, 0);
      fsyncSync(this.records);
      this.closeFiles();
      renameSync(this.part, RecordWriter.finished(this.folder));
      return RecordWriter.finished(this.folder);
    });
  }

  /** Once is enough: `finish` closes too. Leaves nothing behind where there is no record. */
  close(): void {
    if (this.closed) return;
    this.closeFiles();
    if (this.notes.length > 0) return;
    rmSync(this.part, { force: true });
    rmSync(this.journalPath, { force: true });
  }

  private closeFiles(): void {
    this.closed = true;
    closeSync(this.records);
    closeSync(this.journal);
  }

  private cut(count: number): void {
    this.notes.splice(count);
    ftruncateSync(this.records, HEADER + this.notes.length * this.recordBytes);
    ftruncateSync(this.journal, Buffer.byteLength(this.notes.map(toLine).join("")));
  }

  private get part(): string {
    return join(this.folder, PART);
  }

  private get journalPath(): string {
    return join(this.folder, JOURNAL);
  }

  private get recordBytes(): number {
    return 4 * this.layers * this.features;
  }
}

/** Of a file with more bytes of hidden states, the header and its length alone are checked. */
const WHOLE = 2 ** 30;

const PART = "features.part";
const JOURNAL = "items.jsonl";

/** Number of the first record whose bytes are not those of its checksum. */
function firstDamaged(file: number, notes: readonly ItemNote[], bytes: number): number | undefined {
  const record = Buffer.alloc(bytes);
  const found = notes.findIndex(
    ({ crc32: crc }, i) =>
      crc !== undefined &&
      (readSync(file, record, 0, bytes, HEADER + i * bytes) < bytes || crc32(record) !== crc),
  );
  return found < 0 ? undefined : found;
}

/**
 * What of a finished file does not fit its checksums, or the list of items beside it; undefined where all does or there are no checksums.
 * @throws UserError for a damaged header
 */
export function damageOf(folder: string): string | undefined {
  const path = RecordWriter.finished(folder);
  const { entries, metadata } = readHeader(path);
  const entry = entries.get("features");
  const items = entry?.shape[0];
  if (entry?.dtype !== "F32" || !items) return "it holds no items";
  if (entry.end - entry.begin > WHOLE || metadata.about_crc32 === undefined) return undefined;
  if (crc32(metadata.about ?? "").toString(16) !== metadata.about_crc32) return "what it says of itself";
  const notes = readNotes(join(folder, JOURNAL));
  if (notes.length !== items) return `the list of its ${items} items beside it`;
  const file = openSync(path, "r");
  try {
    const found = firstDamaged(file, notes, (entry.end - entry.begin) / items);
    if (found !== undefined) return `the hidden states of ${notes[found]!.id}`;
    const wrong = columnsOf(notes).find(([name, column]) => {
      const { begin, end } = entries.get(name) ?? { begin: 0, end: 0 };
      return !readRange(path, begin, end).equals(Buffer.from(column.buffer));
    });
    return wrong && `its ${wrong[0]}`;
  } finally {
    closeSync(file);
  }
}

/** What is known of every item, by the name of its tensor. */
const columnsOf = (notes: readonly ItemNote[]): [string, Int32Array][] =>
  (
    [
      ["labels", "label"],
      ["split", "split"],
      ["fold", "fold"],
      ["group", "group"],
    ] as const
  ).flatMap(([name, key]) =>
    notes.some((note) => note[key] === undefined)
      ? []
      : [[name, Int32Array.from(notes, (note) => note[key]!)] as [string, Int32Array]],
  );

const toLine = (note: ItemNote) => `${JSON.stringify(note)}\n`;

/** Whole lines only: the last one may have been cut off. */
function readNotes(path: string): ItemNote[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const notes: ItemNote[] = [];
  for (const line of lines) {
    try {
      notes.push(JSON.parse(line) as ItemNote);
    } catch {
      break;
    }
  }
  return notes;
}
