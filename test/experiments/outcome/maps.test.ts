import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeMap, encodeMap } from "#src/experiments/outcome/maps.js";

describe("stored attention maps", () => {
  const values = Float32Array.from({ length: 6 }, (_, i) => Math.exp(-i / 3));

  it("come back within float16's 11 bits", () => {
    const read = decodeMap(encodeMap(values), 6);
    read.forEach((value, i) => assert.ok(Math.abs(value - values[i]!) <= values[i]! * 2 ** -11));
    assert.equal(encodeMap(values).length, 16);
  });

  it("of float32 are read too", () =>
    assert.deepEqual(decodeMap(Buffer.from(values.buffer).toString("base64"), 6), [...values]));
});
