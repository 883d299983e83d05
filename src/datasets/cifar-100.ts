import { basename } from "node:path";
import { UserError } from "../errors.js";
import { CIFAR_IMAGE, cifarPickle, cifarRecords } from "../formats/cifar.js";
import { fineLabels } from "./classes.js";
import { archivesOf, type Dataset, type Item, type Split } from "./dataset.js";
import { members } from "./members.js";

const splits = ["train", "test"] as const;
const { height, width } = CIFAR_IMAGE;

/** CIFAR-100 (Krizhevsky 2009), fine labels; its binary version, or where that is not there its Python version. */
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
      ...archivesOf("cifar-100-binary").slice(1),
      [{ name: "cifar-100-binary/train.bin" }, { name: "cifar-100-binary/test.bin" }],
      ...archivesOf("cifar-100-python"),
      [{ name: "cifar-100-python/train" }, { name: "cifar-100-python/test" }],
    ],
    lookalikes: {
      hint: /cifar/i,
      wanted: "cifar-100-binary.tar.gz, or train.bin and test.bin (or the Python version's train and test)",
      holds: [
        [/^train\.bin$/i, /^test\.bin$/i],
        [/^train$/i, /^test$/i],
      ],
      telling: true,
    },
  },
  async *items(paths, options = {}) {
    for (const split of options.split ? [options.split] : splits) yield* splitItems(paths, split);
  },
};

async function* splitItems(paths: readonly string[], split: Split): AsyncGenerator<Item> {
  for await (const { file, name, stream, read } of members(paths)) {
    const kind = basename(file).toLowerCase();
    if (kind !== `${split}.bin` && kind !== split) continue;
    let index = 0;
    const records = kind === split ? cifarPickle(await read(), name) : cifarRecords(await stream(), name);
    for await (const { fine, pixels } of records) {
      const input = { kind: "image" as const, data: pixels, height, width };
      yield { id: `${split}/${index++}`, label: fine, split, input };
    }
    return;
  }
  throw new UserError(`${paths.join(", ")}: holds no ${split}.bin; fetch CIFAR-100's binary version`);
}
