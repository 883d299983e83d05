import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cellsOf } from "#src/cluster/standing.js";
import { findPreset } from "#src/experiments/plan/presets.js";
import { Run } from "#src/experiments/run/run.js";
import { parts, probeParts, type Preset } from "#src/experiments/types.js";

const home = mkdtempSync(join(tmpdir(), "daam-standing-"));
const outside = process.env.DAAM_HOME;
// hidden states of quick are shipped: it has these parts here, in this process alone
const quick = findPreset("quick") as Preset;
before(() => {
  process.env.DAAM_HOME = home;
  quick.probes = findPreset("small").probes!;
});
after(() => {
  delete quick.probes;
  if (outside === undefined) delete process.env.DAAM_HOME;
  else process.env.DAAM_HOME = outside;
  rmSync(home, { recursive: true });
});

test("cells that a submission may have are those of every part, also of those that only their name plans", async () => {
  const run = await Run.open("quick", { lora: false });
  const cells = cellsOf(run);
  assert.deepEqual(
    new Set([...cells.values()].map(({ part }) => part)),
    new Set(parts.filter((part) => part !== "rates" && part !== "robustness")),
  );
  for (const part of probeParts)
    for (const { name, task } of run.plan({ part })) assert.equal(cells.get(name)!.task, task);
});
