import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planCells } from "#src/experiments/plan/cells.js";
import { presetAt } from "#src/experiments/plan/presets.js";
import type { CellResult } from "#src/experiments/types.js";
import { agreement, agreementLines } from "#src/reproduction/agreement.js";
import { finished } from "../experiments/finished.js";

const info = { layers: 12, features: 128, id: "made 0" };

describe("agreement with published cells", () => {
  const { name, config } = planCells(presetAt("quick", false), { text: info }, () => undefined)[0]!;
  const now = finished(name, config!);
  const moved = (accuracy: number, backend: string) => {
    const epoch = { ...now.best, accuracy };
    return { ...now, curve: [epoch], best: epoch, last: epoch, backend };
  };
  const compare = (before: CellResult | undefined) => agreement([now], () => before);

  it("needs equal digits on the same backend", () => {
    assert.equal(compare({ ...now, seconds: 99 }).agreeing, 1);
    assert.deepEqual(compare(moved(0.5000001, "wasm")).differing, [
      `${name} (best/last 50.0/50.0, was 50.0/50.0; losses apart by 0e+0)`,
    ]);
  });
  it("allows three points on another one", () => {
    assert.equal(compare(moved(0.53, "tensorflow")).agreeing, 1);
    assert.equal(compare(moved(0.531, "tensorflow")).differing.length, 1);
  });
  it("leaves out other configurations", () => {
    const other = compare({ ...now, config: { ...config!, epochs: 1 + config!.epochs } });
    assert.deepEqual([other.compared, other.unmatched], [0, 1]);
    assert.match(agreementLines(other)[0]!, /nothing to compare/);
    assert.deepEqual(agreementLines(compare(now)), ["1 of 1 cells agree with the published ones"]);
  });
});
