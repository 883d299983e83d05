import type { Readable } from "node:stream";
import { UserError } from "../errors.js";
import { csvRows } from "../formats/csv.js";
import { newsTopics } from "./classes.js";

/** A row of AG News. */
export interface NewsRow {
  /** Index into `newsTopics`. */
  label: number;
  title: string;
  /** Empty where one column holds both. */
  description: string;
}

/** Where a table has what; `first` is the number of the first class where no row tells it. */
interface Columns {
  label: number;
  texts: number[];
  first?: number;
}

const LABEL = /^(class[ _]?index|class|labels?|category|topic)$/i;
/** Columns of texts, in the order in which they are looked for. */
const TEXTS = [[/^title$/i, /^description$/i], [/^text$/i]];
/** Files without names of columns are the official ones: classes from 1, as `Class Index` says too. */
const official: Columns = { label: 0, texts: [1, 2], first: 1 };

/**
 * The rows of AG News: class, title and description without a head, as officially; with a head of these names; or with columns `text` and
 * `label`, as Hugging Face has it. Classes are 1 to 4, 0 to 3 or names of topics: a 0 or a 4 tells which, and where a file has
 * neither, its head does.
 * @param name what errors begin with.
 * @throws UserError for other columns and classes, with the row, and where numbers could be meant either way.
 */
export async function* newsRows(source: Readable, name: string): AsyncGenerator<NewsRow> {
  let columns: Columns | undefined;
  const numbers = new ClassNumbers(name);
  /** rows that have come before it is known where classes begin */
  let waiting: { number: number; texts: string[] }[] = [];
  let row = 0;
  for await (const fields of csvRows(source, name)) {
    row++;
    if (!columns) {
      columns = headed(fields, name) ?? official;
      if (columns !== official) continue;
    }
    const value = fields[columns.label]!.trim();
    const texts = columns.texts.map((at) => fields[at]!);
    const topic = newsTopics.findIndex((one) => one.toLowerCase() === value.toLowerCase());
    if (topic >= 0 && columns !== official) yield newsRow(topic, texts);
    else {
      const number = /^[0-4]$/.test(value) ? Number(value) : NaN;
      if ((columns === official && fields.length !== 3) || Number.isNaN(number))
        throw new UserError(
          `${name}: row ${row} begins with ${JSON.stringify(fields[0]!.slice(0, 20))} and has ${fields.length} fields, ` +
            `not a class from 1 to 4, a title and a description; fetch it again`,
        );
      numbers.see(number, row);
      waiting.push({ number, texts });
    }
    const { first } = numbers;
    if (first === undefined) continue;
    for (const one of waiting) yield newsRow(one.number - first, one.texts);
    waiting = [];
  }
  if (!columns || waiting.length === 0) return;
  if (columns.first === undefined)
    throw new UserError(
      `${name}: its classes are 1, 2 and 3 alone, which may count from 0 or from 1: call their column "Class Index" where they ` +
        `count from 1, or write the topics' names (${newsTopics.join(", ")})`,
    );
  for (const { number, texts } of waiting) yield newsRow(number - columns.first, texts);
}

const newsRow = (label: number, [title, description = ""]: string[]): NewsRow => ({
  label,
  title: title!,
  description,
});

/** Which numbers a file counts its classes by. */
class ClassNumbers {
  /** The number of the first class, once it is known. */
  first?: number;
  private row = 0;

  constructor(private readonly name: string) {}

  see(number: number, row: number): void {
    if (number > 0 && number < newsTopics.length) return;
    const first = number === 0 ? 0 : 1;
    if (this.first === undefined) [this.first, this.row] = [first, row];
    if (this.first !== first)
      throw new UserError(
        `${this.name}: row ${row} has class ${number}, row ${this.row} class ${first ? 0 : newsTopics.length}: ` +
          `AG News has four classes, 1 to 4 or 0 to 3; fetch it again`,
      );
  }
}

/** The columns that a first row names. @throws UserError where it names columns, but not those of AG News */
function headed(fields: string[], name: string): Columns | undefined {
  const names = fields.map((field) => field.trim());
  const label = names.findIndex((one) => LABEL.test(one));
  const texts = TEXTS.map((wanted) => wanted.map((one) => names.findIndex((field) => one.test(field)))).find(
    (found) => !found.includes(-1),
  );
  if (label >= 0 && texts) return { label, texts, ...(/index/i.test(names[label]!) && { first: 1 }) };
  if (label < 0 && !texts) return undefined;
  throw new UserError(
    `${name}: its first row names the columns ${names.map((one) => JSON.stringify(one.slice(0, 20))).join(", ")}; ` +
      "AG News has Class Index, Title and Description, or text and label: rename them, or fetch it again",
  );
}
