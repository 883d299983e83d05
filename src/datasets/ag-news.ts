import { basename } from "node:path";
import { decodeHTML } from "entities";
import { UserError } from "../errors.js";
import { newsTopics } from "./classes.js";
import { archivesOf, type Dataset, type Item, type Split } from "./dataset.js";
import { members } from "./members.js";
import { newsRows } from "./news-rows.js";

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
      ...archivesOf("ag_news_csv"),
    ],
    lookalikes: {
      hint: /ag[-_ ]?news/i,
      wanted: "train.csv and test.csv, in a folder or an archive ag_news_csv",
      holds: [[/^train\.csv$/i, /^test\.csv$/i]],
    },
  },
  async *items(paths, options = {}) {
    for (const split of options.split ? [options.split] : splits) yield* splitItems(paths, split);
  },
};

async function* splitItems(paths: readonly string[], split: Split): AsyncGenerator<Item> {
  for await (const { file, name, stream } of members(paths)) {
    if (basename(file).toLowerCase() !== `${split}.csv`) continue;
    let row = 0;
    for await (const { label, title, description } of newsRows(await stream(), name)) {
      const text = cleanText(title, description);
      yield { id: `${split}/${row++}`, label, split, input: { kind: "text", text } };
    }
    return;
  }
  throw new UserError(`${paths.join(", ")}: holds no ${split}.csv; fetch AG News again`);
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
