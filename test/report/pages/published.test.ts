import assert from "node:assert/strict";
import { test } from "node:test";
import { publishedFigure, publishedTable } from "#src/report/pages/published.js";
import { toCsv } from "#src/report/tables/text-table.js";
import { refusal, temporaryFolder } from "../../support/files.js";

const { root, file } = temporaryFolder();

test("a published table is read as it was written", () => {
  const table = {
    columns: ["claim", "task"],
    rows: [
      ['a, "b"', "text"],
      ["", "vision"],
    ],
  };
  file("small/claims.csv", toCsv(table));
  assert.deepEqual(publishedTable("small", "claims", root), table);
});

test("the committed comparisons of small are there", () => {
  const { columns, rows } = publishedTable("small", "claims");
  assert.deepEqual(columns.slice(0, 2), ["claim", "task"]);
  assert.ok(rows.length > 0);
});

test("a table that is missing, empty or broken is refused with what to do", () => {
  const remedy = /results\/small\/.*git checkout -- results\/small.*make reproduce PRESET=small/;
  file("small/empty.csv", "");
  file("small/uneven.csv", "a,b\n1\n");
  file("small/quote.csv", 'a,b\n"1,2\n');
  for (const name of ["absent", "empty", "uneven", "quote"])
    assert.throws(() => publishedTable("small", name, root), refusal(remedy), name);
});

test("a published figure is its bytes, none where it was not drawn", () => {
  file("small/figures/differences.png", "picture");
  assert.equal(String(publishedFigure("small", "differences", root)), "picture");
  assert.equal(publishedFigure("small", "absent", root), undefined);
});
