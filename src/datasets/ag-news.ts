import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { decodeHTML } from "entities";
import { UserError } from "../errors.js";
import { archiveEntries } from "../formats/archive.js";
import { csvRows } from "../formats/csv.js";
import { newsTopics } from "./classes.js";
import type { Dataset, Item, Split } from "./dataset.js";

const splits = ["train", "test"] as const;
const OFFICIAL = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv";

/** AG News (Zhang, Zhao & LeCun 2015): class 1–4, title, description. */
export const agNews: Dataset = {
  name: "ag-news",
  title: "AG News",
  input: "text",
  classes: newsTopics,
  splits,
  licence: "for research, not for commerce",
  source: {
    kind: "files",
    alternatives: [
      [
        {
          name: "ag_news_csv/train.csv",
          url: `${OFFICIAL}/train.csv`,
          md5: "b1a00f826fdfbd249f79597b59e1dc12",
        },
        {
          name: "ag_news_csv/test.csv",
          url: `${OFFICIAL}/test.csv`,
          bytes: 1_857_427,
          md5: "d52ea96a97a2d943681189a97654912d",
        },
      ],
      [{ name: "train.csv" }, { name: "test.csv" }],
      [{ name: "ag_news_csv.tar.gz" }],
    ],
  },
  async *items(paths, options = {}) {
    for (const split of options.split ? [options.split] : splits) yield* splitItems(paths, split);
  },
};

async function* splitItems(paths: readonly string[], split: Split): AsyncGenerator<Item> {
  for await (const { file, name, source } of sources(paths)) {
    if (basename(file) !== `${split}.csv`) continue;
    let row = 0;
    for await (const fields of csvRows(source, name)) {
      const label = newsTopics[Number(fields[0]) - 1] === undefined ? -1 : Number(fields[0]) - 1;
      if (fields.length !== 3 || label < 0)
        throw new UserError(
          `${name}: row ${row + 1} begins with ${JSON.stringify(fields[0]!.slice(0, 20))} and has ${fields.length} fields, ` +
            `not a class from 1 to 4, a title and a description; fetch it again`,
        );
      const text = cleanText(fields[1]!, fields[2]!);
      yield { id: `${split}/${row++}`, label, split, input: { kind: "text", text } };
    }
    return;
  }
  throw new UserError(`${paths.join(", ")}: holds no ${split}.csv; fetch AG News again`);
}

/** The files as they lie, or those in the archive. */
async function* sources(
  paths: readonly string[],
): AsyncGenerator<{ file: string; name: string; source: Readable }> {
  if (paths.length > 1) {
    for (const path of paths) yield { file: path, name: path, source: createReadStream(path) };
    return;
  }
  for await (const entry of archiveEntries(paths[0]!))
    yield { file: entry.name, name: `${paths[0]}: ${entry.name}`, source: await entry.stream() };
}

/**
 * Title and description as one line. The set's own marks are undone: a backslash stands for a line break, and entities
 * have often lost their ampersand (`#39;`, `quot;`).
 */
function cleanText(title: string, description: string): string {
  return decodeHTML(`${title} ${description}`.replaceAll("\\", " "))
    .replace(/ ?#39;/g, "'")
    .replace(/ ?quot;/g, '"')
    .replace(/\s+/g, " ")
    .trim();
}
