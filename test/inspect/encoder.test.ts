import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openEncoder } from "#src/encoders/encoder.js";
import { extractionCost } from "#src/features/cost.js";
import { inspect } from "#src/inspect/inspect.js";

const home = mkdtempSync(join(tmpdir(), "inspect-encoder-"));
after(() => rmSync(home, { recursive: true }));

const shipped = {
  "wavlm-mini": ["speech", /for a clip of 5 s/],
  "llama-mini": ["text", /for a text of 64 tokens/],
  "beit-mini": ["vision", /for an image/],
} as const;

for (const [name, [task, item]] of Object.entries(shipped))
  test(`${name}: what it is, serves and takes, before its tensors`, async () => {
    const { lines, ok } = await inspect([join("data/encoders", name)]);
    assert.ok(ok);
    assert.match(
      lines[0]!,
      new RegExp(
        `checkpoint, model ${name.slice(0, -5)}, 12 layers, \\d+ features, F16 in model.safetensors, \\d`,
      ),
    );
    assert.match(lines[1]!, new RegExp(`: serves: ${task} \\(npx daam features --task ${task} --encoder `));
    assert.match(lines[2]!, /: extraction: kept in memory, at most 0\.\d GB, about [\d.e-]+ s for /);
    assert.match(lines[2]!, item);
    assert.match(lines[3]!, /: model\.safetensors: safetensors, \d+ tensors/);
  });

test("what an encoder lacks to serve its task is named", async () => {
  const folder = join(home, "beit");
  cpSync("data/encoders/beit-mini", folder, { recursive: true });
  rmSync(join(folder, "preprocessor_config.json"));
  const { lines, ok } = await inspect([folder]);
  assert.ok(ok);
  assert.match(lines[1]!, /: serves: vision, once it is whole: .*preprocessor_config\.json is missing/);
});

test("costs grow with layers and items' lengths", async () => {
  const encoder = await openEncoder("data/encoders/llama-mini");
  const [short, long] = [extractionCost(encoder, [64]), extractionCost(encoder, [128])];
  // twice the linear layers, four times the attention
  assert.ok(long.operations > 2 * short.operations && long.operations < 2.5 * short.operations);
  assert.ok(long.bytes > short.bytes);
});
