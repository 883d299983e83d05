import assert from "node:assert/strict";
import { test } from "node:test";
import { parameterSentences } from "#src/report/claims/parameter-claims.js";

test("parameter claims, by the counts of the facts: 1.4–2.4 % of GQA, 39 and 43 % fewer, 24 to 40 times, 1.7 times", () => {
  const [share, fewer, more, twice] = parameterSentences();
  assert.match(
    share!,
    /1\.4 % for speech and vision \(24 × 1024\), 2\.4 % for text .*: contradicted by count/,
  );
  assert.match(fewer!, /39\.4 .*DAAMv2 by 43\.1 .*holds by count for text alone\.$/);
  assert.match(more!, /24\.0 times .* 40\.0 .*: holds by count/);
  assert.match(twice!, /1\.7 .*holds by count for text alone/);
});
