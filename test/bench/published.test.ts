import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { PUBLISHED, type Case } from "#src/bench/cases.js";
import { cells } from "#src/bench/compare.js";
import { timePublished } from "#src/bench/published.js";
import type { Answer, Side } from "#src/bench/side.js";
import { publishedModels } from "#src/synthetic/models.js";

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("daam-bench-"));

/** A side that gives the answers in turn, and notes what it was asked. */
function side(answers: Answer[]): { side: Side; asked: Case[]; stopped: () => boolean } {
  const asked: Case[] = [];
  let stopped = false;
  const time = async (wanted: Case) => {
    asked.push(wanted);
    return answers[(asked.length - 1) % answers.length]!;
  };
  return { side: { time, stop: () => (stopped = true) } as unknown as Side, asked, stopped: () => stopped };
}

test("every published case names a model that can be written", () => {
  for (const { model } of PUBLISHED) assert.ok(publishedModels[model], model);
});

test("a case without a side is left out with the reason; nothing stays on the disk", async () => {
  const before = folders();
  const wanted = { ...PUBLISHED[0]!, model: "beit-base" };
  assert.match(String(await timePublished(wanted, async () => ({}), 0)), /wasm is not available/);
  const alone = side([{ ms: 1 }]);
  assert.match(String(await timePublished(wanted, async () => ({ ours: alone.side }), 0)), /no PyTorch/);
  assert.ok(alone.stopped());
  assert.match(String(await timePublished(wanted, async () => ({}), 1e15)), /are free, .* are needed/);
  assert.deepEqual(folders(), before);
});

test("times, ratios round by round, and the peak", () => {
  const comparison = { ours: [300, 200, 500], peers: [100, 100, 100], ratios: [3, 2, 5], peak: 1e9 };
  assert.deepEqual(cells(comparison), ["300", "100", "2.00 – 3.00 – 5.00"]);
  assert.deepEqual(cells({ ours: [1.5], peers: [], ratios: [] }), ["1.50", "–", "–"]);
});
