import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import Papa from "papaparse";
import { UserError } from "#src/errors.js";
import { CIFAR_RECORD, cifarRecords } from "#src/formats/cifar.js";
import { csvRows } from "#src/formats/csv.js";
import { parseEmoEvaluation } from "#src/formats/emo-evaluation.js";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const refusal = (why: RegExp) => (error: unknown) => error instanceof UserError && why.test(error.message);
const csv = (...chunks: (string | Buffer)[]) =>
  all(csvRows(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), "a.csv"));

test("CSV rows keep quotes, commas, line breaks and characters that two chunks share", async () => {
  const euro = Buffer.from("€");
  assert.deepEqual(
    await csv(
      '"1","a, ""b""","c\n',
      'd"\r\n"2",',
      euro.subarray(0, 1),
      Buffer.concat([euro.subarray(1), Buffer.from(",x")]),
    ),
    [
      ["1", 'a, "b"', "c\nd"],
      ["2", "€", "x"],
    ],
  );
});

test("a long CSV arrives whole, and a reader may stop early", async () => {
  const row = '"1","title","some text that is repeated"\n';
  assert.equal((await csv(...Array.from({ length: 200 }, () => row.repeat(500)))).length, 100_000);
  for await (const fields of csvRows(Readable.from([Buffer.from(row.repeat(10_000))]), "a.csv")) {
    assert.equal(fields.length, 3);
    break;
  }
});

test("what is written as CSV is read back, however it is cut into chunks", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", "€", "😀", " ", "\\") });
  const rows = fc.array(fc.tuple(fc.constantFrom("1", "2"), field, field), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 40 }), async (table, size) => {
      const bytes = Buffer.from(Papa.unparse(table, { quotes: true, newline: "\n" }));
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(await csv(...chunks), table);
    }),
    { seed: 4, numRuns: 200 },
  );
});

test("damaged CSV files are refused with the row", async () => {
  await assert.rejects(csv('"1","a"\n"2","b'), refusal(/a.csv: .*row 2: Quoted field unterminated/));
  await assert.rejects(csv('"1","a"\n"2"\n'), refusal(/row 2 has 1 fields, the first has 2/));
  await assert.rejects(csv(Buffer.from([0x31, 0xff, 0xfe])), refusal(/not UTF-8/));
  await assert.rejects(csv(""), refusal(/no rows/));
  await assert.rejects(
    csv('"open', ...Array.from({ length: 40 }, () => "x\n".repeat(50_000))),
    refusal(/no end/),
  );
  const broken: Readable = new Readable({ read: () => void broken.destroy(new Error("disk gone")) });
  await assert.rejects(all(csvRows(broken, "a.csv")), /disk gone/);
});

const turn = "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]";

test("an EmoEvaluation file's turns are read, its comments and votes passed over", () => {
  const text = `% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n${turn}\nC-E2:\tNeutral;\t()\r\n${turn}\n`;
  assert.deepEqual(parseEmoEvaluation(text, "e.txt"), [
    {
      name: "Ses01F_impro01_F000",
      start: 6.2901,
      end: 8.2357,
      emotion: "neu",
      valence: 2.5,
      activation: 2.5,
      dominance: 2.5,
    },
  ]);
});

for (const [what, text, why] of [
  ["no turns", "% nothing\n", /holds no turns/],
  ["a missing label", turn.replace("neu", ""), /line 1 is not/],
  ["a cut line", turn.slice(0, 30), /line 1 is not/],
  [
    "a turn with two labels",
    `${turn}\n${turn.replace("neu", "sad")}`,
    /line 2: turn \w+ is labelled sad here and neu above/,
  ],
  ["a turn that ends early", turn.replace("8.2357", "1.0"), /ends before it starts/],
] as const)
  test(`an EmoEvaluation file with ${what} is refused`, () => {
    assert.throws(() => parseEmoEvaluation(text, "e.txt"), refusal(why));
  });

test("CIFAR records may be cut anywhere by chunks, but not by the end", async () => {
  const bytes = Buffer.concat(
    [1, 2, 3].map((label) =>
      Buffer.concat([Buffer.from([19, label]), Buffer.alloc(CIFAR_RECORD - 2, label)]),
    ),
  );
  const records = (...chunks: Buffer[]) => all(cifarRecords(Readable.from(chunks), "c.bin"));
  const read = await records(bytes.subarray(0, 1), bytes.subarray(1, 4_000), bytes.subarray(4_000));
  assert.deepEqual(
    read.map(({ coarse, fine, pixels }) => [coarse, fine, pixels.length, pixels[3071]]),
    [
      [19, 1, 3072, 1],
      [19, 2, 3072, 2],
      [19, 3, 3072, 3],
    ],
  );
  await assert.rejects(records(bytes.subarray(0, -1)), refusal(/c.bin: .*record 2 has 3073 of 3074 bytes/));
  await assert.rejects(
    records(Buffer.alloc(CIFAR_RECORD, 200)),
    refusal(/record 0 has the labels 200 and 200/),
  );
  await assert.rejects(records(), refusal(/no records/));
});
