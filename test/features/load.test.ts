import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { UserError } from "#src/errors.js";
import { loadFeatures, shapeOfFeatures, summariseFeatures } from "#src/features/load.js";
import { tasks } from "#src/experiments/plan/tasks.js";
import { refusal } from "../support/files.js";

const folder = mkdtempSync(join(tmpdir(), "daam-features-"));
after(() => rmSync(folder, { recursive: true }));

type Tensor = [dtype: "F32" | "I32" | "I8", shape: number[], values: number[]];

/** Writes a safetensors file. */
function file(tensors: Record<string, Tensor>, about?: object): string {
  const header: Record<string, unknown> = about ? { __metadata__: { about: JSON.stringify(about) } } : {};
  const arrays = { F32: Float32Array, I32: Int32Array, I8: Int8Array };
  const blocks: Buffer[] = [];
  let end = 0;
  for (const [name, [dtype, shape, values]] of Object.entries(tensors)) {
    const block = Buffer.from(new arrays[dtype](values).buffer);
    header[name] = { dtype, shape, data_offsets: [end, (end += block.length)] };
    blocks.push(block);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, "features.safetensors");
  writeFileSync(path, Buffer.concat([length, json, ...blocks]));
  return path;
}

const plain = (changes: Record<string, Tensor | undefined> = {}): string => {
  const tensors: Record<string, Tensor | undefined> = {
    features: ["F32", [2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    labels: ["I32", [2], [0, 1]],
    split: ["I32", [2], [0, 1]],
    ...changes,
  };
  return file(
    Object.fromEntries(Object.entries(tensors).filter(([, tensor]) => tensor)) as Record<string, Tensor>,
  );
};

function refuses(path: string, message: RegExp, classes = 2) {
  assert.throws(
    () => loadFeatures(path, classes),
    (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(path));
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );
}

describe("a feature file", () => {
  it("is read plain", () => {
    const read = loadFeatures(plain(), 2);
    assert.deepEqual([read.items, read.layers, read.features], [2, 2, 3]);
    assert.deepEqual([...read.read([1, 0])], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    assert.deepEqual([[...read.labels], [...read.split!], read.fold], [[0, 1], [0, 1], undefined]);
  });

  it("gives the same rows from disk, and refuses what is not finite there when it is read", () => {
    const read = loadFeatures(plain(), 2, 0);
    assert.deepEqual([...read.read([1, 0])], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    const values = [0, 1, 2, 3, 4, 5, 6, NaN, 8, 9, Infinity, 11];
    const bad = loadFeatures(plain({ features: ["F32", [2, 2, 3], values] }), 2, 0);
    assert.deepEqual([...bad.read([0])], [0, 1, 2, 3, 4, 5]);
    assert.throws(
      () => bad.read([0, 1]),
      refusal(/"item 1" has 2 NaN or Inf, the first \(NaN\) at \[0, 1\]/),
    );
  });

  it("says what it measures by its header alone", () =>
    assert.deepEqual(shapeOfFeatures(plain()), { items: 2, layers: 2, features: 3 }));

  it("is read quantised: q · scale + zero for each layer and feature", () => {
    const path = file({
      q: ["I8", [2, 1, 2], [-128, 1, 127, 2]],
      scale: ["F32", [1, 2], [0.5, 10]],
      zero: ["F32", [1, 2], [1, -1]],
      labels: ["I32", [2], [1, 0]],
      fold: ["I32", [2], [0, 1]],
    });
    assert.deepEqual([...loadFeatures(path, 2).read([0, 1])], [-63, 9, 64.5, 19]);
  });

  for (const task of tasks) {
    it(`of ${task.name} is shipped whole`, () => {
      const path = `data/features/${task.features}`;
      const read = loadFeatures(path, task.classes.length);
      assert.deepEqual([read.layers, read.features], [12, 128]);
      assert.equal(new Set(read.labels).size, task.classes.length);
      assert.deepEqual(read.about.names ?? task.classes, task.classes);
      const { read: rows, ...rest } = read;
      const { id, ...summary } = summariseFeatures(path, task.classes.length);
      assert.deepEqual(summary, rest);
      assert.ok(rows([0, read.items - 1]).length === 2 * 12 * 128 && id.startsWith(task.features));
    });
  }
});

describe("a bad feature file is refused:", () => {
  it("truncated", () => {
    const whole = readFileSync(plain());
    const path = join(folder, "short.safetensors");
    writeFileSync(path, whole.subarray(0, whole.length - 3));
    refuses(path, /the file is truncated, .* again$/);
  });
  it("not there", () => refuses(join(folder, "nothing.safetensors"), /ENOENT/));
  it("of other tensors", () =>
    refuses(file({ x: ["F32", [1], [1]] }), /"features" is missing \(it holds x\)/));
  it("NaN", () =>
    refuses(
      plain({ features: ["F32", [2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, NaN, 9, Infinity, 11]] }),
      /2 NaN or Inf, the first \(NaN\) at \[1, 0, 2\]; make it again/,
    ));
  it("Inf in a scale", () =>
    refuses(
      file({
        q: ["I8", [1, 1, 2], [1, 2]],
        scale: ["F32", [1, 2], [1, Infinity]],
        zero: ["F32", [1, 2], [0, 0]],
        labels: ["I32", [1], [0]],
        split: ["I32", [1], [0]],
      }),
      /"scale" has 1 NaN or Inf, the first \(Infinity\) at \[0, 1\]/,
    ));
  it("labels out of range", () =>
    refuses(plain({ labels: ["I32", [2], [0, 7]] }), /1 labels are outside 0–1, the first \(7\) at item 1/));
  it("labels of another length", () =>
    refuses(plain({ labels: ["I32", [1], [0]] }), /"labels" is \[1\], 2 items need \[2\]/));
  it("no labels", () => refuses(plain({ labels: undefined }), /"labels" is missing/));
  it("no split", () => refuses(plain({ split: undefined }), /neither "split" nor "fold"/));
  it("a third side", () => refuses(plain({ split: ["I32", [2], [0, 2]] }), /"split" may hold 0/));
  it("another dtype", () =>
    refuses(plain({ features: ["I32", [2, 1, 1], [0, 1]] }), /"features" is of int32, not float32/));
  it("two dimensions", () =>
    refuses(
      plain({ features: ["F32", [2, 3], [0, 1, 2, 3, 4, 5]] }),
      /is \[2,3\], not \[items, layers, features\]/,
    ));
  it("another task's", () =>
    refuses(
      "data/features/vision.safetensors",
      /100 classes, the task has 4; restore it \(git checkout -- data\/features\/vision\.safetensors\)/,
      4,
    ));
  it("of the cache", () => {
    const cached = join(folder, "text-0123");
    mkdirSync(cached);
    writeFileSync(join(cached, "items.jsonl"), "");
    const path = join(cached, "features.safetensors");
    copyFileSync(file({ x: ["F32", [1], [1]] }), path);
    refuses(path, new RegExp(`; remove ${cached}, and the next run makes it again$`));
  });
  it("scales of another width", () =>
    refuses(
      file({ q: ["I8", [1, 1, 2], [1, 2]], scale: ["F32", [1, 1], [1]], zero: ["F32", [1, 2], [0, 0]] }),
      /"scale" is \[1,1\], "q" needs \[1, 2\]/,
    ));
});
