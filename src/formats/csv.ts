import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import Papa from "papaparse";
import { UserError } from "../errors.js";

/** Characters of one row; an unclosed quote would swallow the rest of the file. */
const MAX_ROW = 1_000_000;

/**
 * The rows of a comma-separated UTF-8 file without a head, as they arrive.
 * @param name what errors begin with.
 * @throws UserError for bytes that are not UTF-8, open or stray quotes, and rows of unequal width.
 */
export async function* csvRows(source: Readable, name: string): AsyncGenerator<string[]> {
  const refuse = (why: string) => new UserError(`${name}: not a readable CSV file: ${why}; fetch it again`);
  const text = utf8(refuse);
  const batches = parsedBatches(text, refuse);
  // the reader of `batches` gets the error
  pipeline(source, text).catch((error: Error) => batches.destroy(error));
  let width: number | undefined;
  let row = 0;
  try {
    for await (const batch of batches) {
      const { data, errors } = batch as Papa.ParseResult<string[]>;
      if (errors[0]) throw refuse(`row ${row + 1 + (errors[0].row ?? 0)}: ${errors[0].message}`);
      for (const fields of data) {
        row++;
        width ??= fields.length;
        if (fields.length !== width)
          throw refuse(`row ${row} has ${fields.length} fields, the first has ${width}; it may be cut short`);
        yield fields;
      }
    }
  } finally {
    source.destroy();
    batches.destroy();
  }
  if (row === 0) throw refuse("it holds no rows");
}

function utf8(refuse: (why: string) => Error): Transform {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes: Buffer | undefined, done: (error: Error | null, text?: string) => void) => {
    try {
      done(null, decoder.decode(bytes, { stream: bytes !== undefined }));
    } catch {
      done(refuse("it is not UTF-8"));
    }
  };
  return new Transform({
    readableObjectMode: true,
    transform: (chunk: Buffer, _encoding, done) => decode(chunk, done),
    flush: (done) => decode(undefined, done),
  });
}

/** Papa's results, a chunk of text at a time; the text is paused while nobody reads. */
function parsedBatches(text: Readable, refuse: (why: string) => Error): Readable {
  const batches = new Readable({ objectMode: true, highWaterMark: 2, read: () => void text.resume() });
  let arrived = 0;
  text.on("data", (chunk: string) => (arrived += chunk.length));
  Papa.parse<string[]>(text, {
    delimiter: ",",
    skipEmptyLines: true,
    chunk: (results) => {
      if (arrived - results.meta.cursor > MAX_ROW)
        batches.destroy(refuse("a row or an open quote has no end"));
      else if (!batches.push(results)) text.pause();
    },
    complete: () => batches.push(null),
  });
  return batches;
}
