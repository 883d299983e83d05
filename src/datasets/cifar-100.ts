import { basename } from "node:path";
import { UserError } from "../errors.js";
import { archiveEntries } from "../formats/archive.js";
import { CIFAR_IMAGE, cifarRecords } from "../formats/cifar.js";
import { fineLabels } from "./classes.js";
import type { Dataset, Item, Split } from "./dataset.js";

const splits = ["train", "test"] as const;
const { height, width } = CIFAR_IMAGE;

/** CIFAR-100 (Krizhevsky 2009), binary version, fine labels. */
export const cifar100: Dataset = {
  name: "cifar-100",
  title: "CIFAR-100",
  input: "image",
  classes: fineLabels,
  splits,
  licence: "none stated; cite Krizhevsky 2009",
  source: {
    kind: "files",
    alternatives: [
      [
        {
          name: "cifar-100-binary.tar.gz",
          url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
          md5: "03b5dce01913d631647c71ecec9e9cb8",
        },
      ],
    ],
  },
  async *items([path], options = {}) {
    for (const split of options.split ? [options.split] : splits) yield* splitItems(path!, split);
  },
};

async function* splitItems(path: string, split: Split): AsyncGenerator<Item> {
  for await (const entry of archiveEntries(path)) {
    if (basename(entry.name) !== `${split}.bin`) continue;
    let index = 0;
    for await (const { fine, pixels } of cifarRecords(await entry.stream(), `${path}: ${entry.name}`)) {
      const input = { kind: "image" as const, data: pixels, height, width };
      yield { id: `${split}/${index++}`, label: fine, split, input };
    }
    return;
  }
  throw new UserError(`${path}: holds no ${split}.bin; fetch CIFAR-100's binary version`);
}
