import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { readPickle, TensorView } from "#src/formats/pickle.js";

const MARK = "(";
const STOP = ".";
const global = (module: string, name: string) => `c${module}\n${name}\n`;
const text = (value: string) => `\x8c${String.fromCharCode(value.length)}${value}`;
const int = (value: number) => `K${String.fromCharCode(value)}`;
const tuple = (...items: string[]) => MARK + items.join("") + "t";
const storage = (elements: number, type = "FloatStorage") =>
  tuple(text("storage"), global("torch", type), text("0"), text("cpu"), int(elements)) + "Q";
const tensor = (elements: number, offset: number, shape: number[], strides: number[]) =>
  global("torch._utils", "_rebuild_tensor_v2") +
  tuple(
    storage(elements),
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    "\x89",
    global("collections", "OrderedDict") + ")R",
  ) +
  "R";
const pickle = (body: string) => Buffer.from(`\x80\x02${body}${STOP}`, "latin1");
const read = (body: string) => readPickle(pickle(body), "a.bin");

test("a dictionary of tensors", () => {
  const value = read("}" + text("w") + tensor(12, 2, [2, 5], [5, 1]) + "s") as Map<string, TensorView>;
  const view = value.get("w")!;
  assert.deepEqual([view.offset, view.shape, view.strides], [2, [2, 5], [5, 1]]);
  assert.deepEqual({ ...view.storage }, { key: "0", dtype: "F32", elements: 12 });
});

test("numbers, texts, lists, memo", () => {
  assert.deepEqual(
    read("](" + int(7) + "J\xff\xff\xff\xff" + "N\x88\x8a\x02\x00\x80" + text("a") + "q\x01h\x01e"),
    [7, -1, null, true, -32768, "a", "a"],
  );
});

const refused: [what: string, body: string, message: RegExp][] = [
  ["a command", global("os", "system") + tuple(text("true")) + "R", /asks for "os\.system"/],
  ["a command by a newer opcode", text("builtins") + text("eval") + "\x93", /asks for "builtins\.eval"/],
  [
    "a class of the library",
    global("torch.nn.modules.linear", "Linear") + ")R",
    /"torch\.nn\.modules\.linear\.Linear"/,
  ],
  ["a property of an object", global("__proto__", "x"), /asks for "__proto__\.x"/],
  ["an object of a class", "(i__main__\nThing\n", /opcode 0x69/],
  ["an extension", "\x82\x01", /opcode 0x82/],
  [
    "arguments where there are none",
    global("collections", "OrderedDict") + tuple(int(1)) + "R",
    /OrderedDict/,
  ],
  ["a call of something else", int(1) + ")R", /call of a value/],
  ["a tensor beyond its storage", tensor(4, 1, [4], [1]), /rebuild_tensor/],
  ["a huge tensor of few bytes", tensor(4, 0, [200, 200, 200, 200], [0, 0, 0, 0]), /rebuild_tensor/],
  ["shapes and strides that differ", tensor(4, 0, [2, 2], [1]), /rebuild_tensor/],
  ["another persistent object", text("file") + "Q", /other than a storage/],
  [
    "a storage outside the archive",
    tuple(text("storage"), global("torch", "FloatStorage"), text("../1"), text("cpu"), int(1)) + "Q",
    /other than a storage/,
  ],
  ["an item never stored", "h\x05", /never stored/],
  ["an empty stack", "0", /opcode 0x30/],
  ["nothing", "", /stack runs empty/],
  ["a text beyond the end", "X\xff\xff\xff\x7f", /ends within an item/],
  ["a list that is none", int(1) + int(2) + "a", /no list/],
];
for (const [what, body, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => read(body),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test("refused: a pickle without an end", () =>
  assert.throws(() => readPickle(Buffer.from("\x80\x02}", "latin1"), "a.bin"), /ends within an item/));
