import {
  closeSync,
  existsSync,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { guard, writeAll } from "../files.js";

/** What a feature file says of an item, apart from its hidden states. */
export interface ItemNote {
  id: string;
  label: number;
  /** 0 train, 1 test. */
  split?: number;
  fold?: number;
  group?: number;
}

/** Room for the header at the start of the file; safetensors allows it to be padded with spaces. */
const HEADER = 4096;

/**
 * A feature file that grows record by record in `folder` and survives `kill -9`: records of one width in `features.part`,
 * their notes in `items.jsonl`. What is whole in both counts; the rest is cut off when it is opened again.
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
  }

  /** Starts the file in `folder`, or goes on with the one there. @throws UserError where the folder cannot be written. */
  static open(folder: string, layers: number, features: number): RecordWriter {
    return guard(folder, () => new RecordWriter(folder, layers, features));
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
      writeAll(this.records, bytes, HEADER + this.notes.length * this.recordBytes);
      fsyncSync(this.records);
      // The notes go last: a record without one does not count.
      writeAll(this.journal, Buffer.from(notes.map(toLine).join("")));
      fsyncSync(this.journal);
    });
    this.notes.push(...notes);
  }

  /** Completes the file: a safetensors file with `features`, `labels`, and `split` or `fold` and `group`. Returns its path. */
  finish(about: object): string {
    return guard(this.folder, () => {
      const header: Record<string, object> = { __metadata__: { about: JSON.stringify(about) } };
      let end = this.notes.length * this.recordBytes;
      header.features = {
        dtype: "F32",
        shape: [this.notes.length, this.layers, this.features],
        data_offsets: [0, end],
      };
      for (const [name, key] of [
        ["labels", "label"],
        ["split", "split"],
        ["fold", "fold"],
        ["group", "group"],
      ] as const) {
        if (this.notes.some((note) => note[key] === undefined)) continue;
        const column = Int32Array.from(this.notes, (note) => note[key]!);
        writeAll(this.records, Buffer.from(column.buffer), HEADER + end);
        header[name] = { dtype: "I32", shape: [column.length], data_offsets: [end, end + column.byteLength] };
        end += column.byteLength;
      }
      const text = Buffer.alloc(HEADER, " ");
      text.writeBigUInt64LE(BigInt(HEADER - 8));
      if (text.write(JSON.stringify(header), 8) < JSON.stringify(header).length)
        throw new Error("the header is too long");
      writeAll(this.records, text, 0);
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
    return join(this.folder, "features.part");
  }

  private get journalPath(): string {
    return join(this.folder, "items.jsonl");
  }

  private get recordBytes(): number {
    return 4 * this.layers * this.features;
  }
}

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
