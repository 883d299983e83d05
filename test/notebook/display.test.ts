import assert from "node:assert/strict";
import { test } from "node:test";
import { figureBundle, tableBundle } from "#src/notebook/display.js";
import { dataFrame } from "#src/notebook/frame.js";
import { densityWeights } from "#src/report/figures/density.js";

test("a figure is Plotly JSON, a PNG at its own size and a line of text", async () => {
  const bundle = await figureBundle(densityWeights([1]));
  assert.deepEqual(Object.keys(bundle), ["application/vnd.plotly.v1+json", "image/png", "text/plain"]);
  const png = Buffer.from(bundle["image/png"] as string, "base64");
  assert.equal(png.readUInt32BE(16), 720);
  assert.match(bundle["text/plain"] as string, /^\[figure\] The weight of a value/);
});

test("a table is HTML without styles or scripts, and aligned text", () => {
  const frame = dataFrame({
    columns: ["method", "here"],
    rows: [
      ["a <b>", "1.0 ± 0.1"],
      ["long name", "20.0"],
    ],
  });
  const bundle = tableBundle(frame);
  assert.match(
    bundle["text/html"] as string,
    /<th align="left">a &#60;b&#62;<\/th><td align="right">1.0\u00a0±\u00a00.1<\/td>/,
  );
  assert.equal(bundle["text/plain"], "method          here\na <b>      1.0 ± 0.1\nlong name       20.0");
});
