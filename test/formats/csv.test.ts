import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import Papa from "papaparse";
import { csvRows } from "#src/formats/csv.js";
import { all, refusal } from "../support/files.js";

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
