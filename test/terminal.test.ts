import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { downloadProgress } from "#src/datasets/progress.js";
import { itemCounter } from "#src/terminal.js";

/** A stream that is no terminal, and the lines that were written to it. */
function sink() {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const lines: string[] = [];
  (stream as unknown as PassThrough).on("data", (chunk: Buffer) => lines.push(String(chunk).trimEnd()));
  return { stream, lines };
}

test("items are counted with the time left, a line every tenth", () => {
  const { stream, lines } = sink();
  const count = itemCounter("clips", stream);
  for (let done = 0; done <= 40; done++) count(done, 40);
  assert.equal(lines.length, 11);
  assert.equal(lines[0], "clips: 0 of 40");
  assert.match(lines[1]!, /^clips: 4 of 40, \d+s left$/);
  assert.equal(lines.at(-1), "clips: 40 of 40");
});

test("downloads are counted in megabytes, each file by itself, with or without a known size", () => {
  const { stream, lines } = sink();
  const progress = downloadProgress(stream);
  progress("a.zip", 5e6, 20e6);
  progress("b.zip", 1e6);
  progress("b.zip", 2e6);
  progress("b.zip", 60e6);
  progress("a.zip", 20e6, 20e6);
  assert.deepEqual(lines, [
    "a.zip: 5.0 of 20.0 MB",
    "b.zip: 1.0 MB",
    "b.zip: 60.0 MB",
    "a.zip: 20.0 of 20.0 MB",
  ]);
});
