import assert from "node:assert/strict";
import { test } from "node:test";
import { parameterTable } from "#src/report/claims/parameter-claims.js";

test("parameter claims, by the counts of the facts: 1.4–2.4 % of GQA, 39 and 43 % fewer, 24 to 40 times, 1.7 times", () => {
  const counts = parameterTable().rows.map(([, , ...counted]) => counted);
  assert.deepEqual(counts[0], ["1.4 %", "2.4 %", "contradicted"]);
  assert.deepEqual(
    counts.slice(1, 3).map(([small, , outcome]) => [small, outcome]),
    [
      ["39.4 %", "holds for text alone"],
      ["43.1 %", "holds for text alone"],
    ],
  );
  assert.deepEqual(counts[3], ["24.0 times", "40.0 times", "holds"]);
  assert.deepEqual([counts[4]![0], counts[4]![2]], ["1.7 times", "holds for text alone"]);
});
