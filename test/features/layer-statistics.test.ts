import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { dotProductAttention } from "#src/attention/dot-product.js";
import { chooseBackend } from "#src/backend/choose.js";
import {
  hiddenStateStatistics,
  layerTable,
  rangesLine,
  type LayerStatistics,
} from "#src/features/layer-statistics.js";
import { openHiddenStates } from "#src/features/load.js";
import { rowsInMemory } from "#src/features/rows.js";
import { featuresFolder } from "#src/folders.js";
import { initialise } from "#src/parameters.js";
import { randomStream } from "#src/random.js";

/** Hidden states [items, layers, features] in memory. */
const states = (items: number[][][]) => {
  const [layers, features] = [items[0]!.length, items[0]![0]!.length];
  const read = rowsInMemory(Float32Array.from(items.flat(2)), layers * features);
  return { items: items.length, layers, features, read };
};

const close = (actual: LayerStatistics, expected: LayerStatistics, tolerance: number) => {
  for (const [name, value] of Object.entries(expected)) {
    const found = actual[name as keyof LayerStatistics];
    assert.ok(
      Math.abs(found - value) <= tolerance * Math.max(1e-3, Math.abs(value)),
      `${name}: ${found} against ${value}`,
    );
  }
};

describe("statistics of hidden states", () => {
  const two = [
    [
      [3, 4, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 1],
    ],
    [
      [4, -3, 0, 0, 0, 0],
      [2, 2, 2, 2, 2, -2],
    ],
  ];

  it("are those computed by hand, layer by layer", () => {
    const { items, layers } = hiddenStateStatistics(states(two));
    assert.equal(items, 2);
    const [first, second] = layers as [LayerStatistics, LayerStatistics];
    close(
      first,
      {
        norm: 5,
        mean: 8 / 12,
        sd: Math.sqrt(50 / 12 - (8 / 12) ** 2),
        distance: Math.sqrt(12.5), // of (3, 4) and (4, −3) from (3.5, 0.5)
        largest: 4,
        fewShare: 1,
        cosine: 0,
        logits: (5 * Math.sqrt(12.5)) / 12,
      },
      1e-12,
    );
    close(
      second,
      {
        norm: 1.5 * Math.sqrt(6),
        mean: 14 / 12,
        sd: Math.sqrt(30 / 12 - (14 / 12) ** 2),
        distance: Math.sqrt(15 - 11.5), // mean item: 1.5 five times, −0.5
        largest: 2,
        fewShare: 4 / 6,
        cosine: 8 / 12,
        logits: Math.sqrt(15 * 3.5) / 12,
      },
      1e-12,
    );
  });

  it("leave items of zeros out of the cosine, and have none of a single item", () => {
    const zero = two[0]!.map((layer) => layer.map(() => 0));
    const { layers } = hiddenStateStatistics(states([...two, zero]));
    assert.ok(Math.abs(layers[1]!.cosine - 8 / 12) < 1e-12);
    const alone = hiddenStateStatistics(states([two[0]!]));
    assert.ok(alone.layers.every(({ cosine, distance }) => Number.isNaN(cosine) && distance < 1e-7));
    assert.equal(layerTable(alone).rows[0]![7], "–");
    assert.match(rangesLine(alone), /^2 layers: norm 2.45 to 5, largest value 4, cosine of two items –, /);
  });

  it("take items at equal distances of what is too large", () => {
    const many = states(Array.from({ length: 9 }, (_, i) => [[i, 0]]));
    const seen: number[] = [];
    const watched = {
      ...many,
      read: (items: ArrayLike<number>) => {
        seen.push(...Array.from(items));
        return many.read(items);
      },
    };
    assert.equal(hiddenStateStatistics(watched, 10).items, 5);
    assert.deepEqual(seen, [0, 2, 4, 6, 8]);
  });

  // Of data/features by numpy in float64, all pairs of items for the cosine.
  const shipped: [task: string, layer: number, expected: number[]][] = [
    ["speech", 11, [2.728277, -0.01796119, 0.2428225, 1.308543, 0.9542079, 0.1857152, 0.7684668, 0.01408078]],
    ["text", 12, [8.764177, 0.00107162, 0.7800179, 6.076549, 5.413125, 0.2254278, 0.5378683, 0.2094725]],
    [
      "vision",
      1,
      [0.683372, 0.001103973, 0.06478249, 0.6249242, 0.7171598, 0.186123, 0.3721346, 0.001789423],
    ],
  ];
  for (const [task, layer, expected] of shipped)
    it(`of the shipped ${task} are numpy's`, () => {
      const path = join(featuresFolder, `${task}.safetensors`);
      const [norm, mean, sd, distance, largest, fewShare, cosine, logits] = expected as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const { layers } = hiddenStateStatistics(openHiddenStates(path, 0));
      assert.equal(layers.length, 12);
      close(layers[layer - 1]!, { norm, mean, sd, distance, largest, fewShare, cosine, logits }, 1e-5);
    });
});

describe("logits of attention over the batch before training", () => {
  before(() => chooseBackend("cpu"));

  for (const heads of [1, 4])
    it(`are spread as the statistics say, with ${heads} heads`, async () => {
      const [items, features, draws] = [64, 32, 20];
      const random = randomStream(heads, "hidden states");
      const rows = Array.from({ length: items }, () => [
        Array.from({ length: features }, (_, j) => 0.1 * j + 0.5 * random.normal()),
      ]);
      const x = tf.tensor3d(rows);
      const module = dotProductAttention({ layers: 1, features, heads, over: "batch" });
      let squares = 0;
      for (let draw = 0; draw < draws; draw++) {
        const parameters = Object.fromEntries(
          Object.entries(module.parameters).map(([name, spec]) => [name, initialise(spec, random)]),
        );
        const spread = tf.tidy(() => {
          const logits = module.map!(x, parameters).log(); // up to a constant a query
          return logits.sub(logits.mean(-1, true)).square().mean();
        });
        squares += (await spread.data())[0]! / draws;
        tf.dispose([spread, parameters]);
      }
      const { logits } = hiddenStateStatistics(states(rows)).layers[0]!;
      assert.ok(Math.abs(Math.sqrt(squares) / logits - 1) < 0.15, `${Math.sqrt(squares)} against ${logits}`);
      x.dispose();
    });
});
