import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { PublishedCells } from "#src/experiments/outcome/published-cells.js";
import { cellName } from "#src/experiments/plan/cell.js";
import { findPreset, presets } from "#src/experiments/plan/presets.js";
import { checkReport, report } from "#src/reproduction/report.js";
import { Run } from "#src/experiments/run/run.js";
import type { CellResult, Preset } from "#src/experiments/types.js";
import { refusal } from "../support/files.js";

const trainer = new URL("../experiments/fake-trainer.js", import.meta.url).href;
const outside = process.env.DAAM_HOME;
let home: string;
/** As `smoke` on two tasks, but one of the presets that take over published cells; `small` itself would ask for raw data. */
const smoke = findPreset("smoke");
const made: Preset = {
  ...smoke,
  alwaysAnew: undefined,
  name: "made",
  tasks: { text: smoke.tasks.text! },
  ablations: ["text"],
};

before(() => (presets as Preset[]).push(made));
beforeEach(() => {
  if (home) rmSync(home, { recursive: true });
  home = mkdtempSync(join(tmpdir(), "daam-report-"));
  process.env.DAAM_HOME = home;
});
after(() => {
  rmSync(home, { recursive: true });
  if (outside === undefined) delete process.env.DAAM_HOME;
  else process.env.DAAM_HOME = outside;
  (presets as Preset[]).splice(presets.indexOf(made), 1);
});

const open = (preset: string) => Run.open(preset, { trainer, jobs: 1 });
/** Trains and publishes some rows, as a commit has them, and forgets the run. */
async function published(preset: string, methods: string[]): Promise<CellResult[]> {
  const run = await open(preset);
  const results = await run.finish({ tasks: ["text"], methods });
  run.published.write(run.published.folder, results);
  rmSync(run.store.folder, { recursive: true });
  return results;
}
const cellsOf = (preset: string, names: string[]) =>
  names.filter((name) => new PublishedCells(join(home, "results", preset)).read(cellName("text", name, 1)));

describe("a partial report", () => {
  it("keeps published cells of the same configuration beside those that are finished", async () => {
    // the chosen layers follow from a cell that is published alone
    const before = await published("made", ["no-attention", "daam-v2-highest"]);
    assert.deepEqual(
      before.map(({ name }) => name).sort(),
      ["daam-v1", "daam-v2-highest", "no-attention"].map((method) => `text/${method}/run-1`),
    );
    const stale = { ...before[0]!, name: "text/gqa/run-1", config: { ...before[0]!.config, epochs: 99 } };
    const run = await open("made");
    run.published.write(run.published.folder, [...before, stale]);
    await run.finish({ tasks: ["text"], methods: ["mha"] });
    await assert.rejects(
      report("made"),
      refusal(/^\d+ of \d+ cells are missing: npx daam run .* --partial publishes/),
    );
    await report("made", { partial: true });
    const rows = ["daam-v1", "daam-v2-highest", "gqa", "mha", "no-attention"];
    assert.deepEqual(cellsOf("made", rows), ["daam-v1", "daam-v2-highest", "mha", "no-attention"]);
    assert.match(readFileSync(join(home, "results", "made", "README.md"), "utf8"), /incomplete/);
  });

  it("has nothing but finished cells in presets that train all anew", async () => {
    await published("smoke", ["no-attention"]);
    await assert.rejects(report("smoke", { partial: true }), refusal(/^no cell of smoke is finished in /));
    await (await open("smoke")).finish({ tasks: ["text"], methods: ["mha"] });
    await report("smoke", { partial: true });
    assert.deepEqual(cellsOf("smoke", ["mha", "no-attention"]), ["mha"]);
  });

  it("of cells on shifted inputs alone is made", async () => {
    made.tasks.text = { ...smoke.tasks.text!, robustness: { runs: 1, perClass: 1 } };
    try {
      const run = await open("made");
      run.files.text!.shifted = { "word-drop-0.1": "cache/dropped/features.safetensors" };
      assert.throws(() => checkReport(run, true), refusal(/no cell of made is finished/));
      const [cell] = run.plan({ part: "robustness" });
      const [result] = await run.finish({ tasks: ["text"], methods: ["mha"] });
      run.discard(run.plan());
      run.store.put({ ...result!, name: cell!.name, config: cell!.config! });
      checkReport(run, true);
      assert.throws(() => checkReport(run, false), refusal(/cells are missing/));
      assert.deepEqual(
        run.robustness.map(({ name }) => name),
        [cell!.name],
      );
    } finally {
      made.tasks.text = smoke.tasks.text!;
    }
  });

  it("has no test on shifted inputs where some of the trainings are there by which a row chooses its rate", async () => {
    made.tasks.text = { ...smoke.tasks.text!, robustness: { runs: 1, perClass: 1 } };
    made.rates = [1e-3, 3e-4];
    try {
      const run = await open("made");
      run.files.text!.shifted = { "word-drop-0.1": "cache/dropped/features.safetensors" };
      const scope = { tasks: ["text"], methods: ["mha"], part: "rates" } as const;
      const chosenBy = await run.finish(scope);
      assert.ok(chosenBy.length > 1 && chosenBy.every(({ config }) => config.holdout));
      run.discard(run.plan(scope).slice(0, 1));
      assert.deepEqual(run.robustness, []);
    } finally {
      made.tasks.text = smoke.tasks.text!;
      delete made.rates;
    }
  });

  it("is made of the published folder alone, where neither the run nor its hidden states are here", async () => {
    const run = await open("made");
    await run.finish({ tasks: ["text"], methods: ["no-attention", "mha"] });
    await report("made", { partial: true });
    const folder = join(home, "results", "made");
    const text = (name: string) => readFileSync(join(folder, name), "utf8");
    // rows that are only recorded go with shipped hidden states
    const texts = () => [
      ...["items/text.csv", "costs.json", "features.json"].map(text),
      ...text("text.csv").match(/^(MHA|No attention),.*$/gm)!,
    ];
    const before = texts();
    rmSync(join(home, "runs"), { recursive: true });
    made.tasks.text = { ...smoke.tasks.text!, extraction: findPreset("small").tasks.text!.extraction! };
    try {
      assert.deepEqual((await open("made")).taskNames, []);
      await report("made", { partial: true });
      assert.deepEqual(texts(), before);
      assert.deepEqual(cellsOf("made", ["mha", "no-attention", "gqa"]), ["mha", "no-attention"]);
      rmSync(join(folder, "features.json"));
      await assert.rejects(
        report("made", { partial: true }),
        refusal(/the hidden states of made are not made yet/),
      );
    } finally {
      made.tasks.text = smoke.tasks.text!;
    }
  });

  it("is refused where it would lose the published cells of a task without hidden states", async () => {
    await published("made", ["mha"]);
    made.tasks.speech = smoke.tasks.speech!;
    try {
      const run = await open("made");
      checkReport(run, true);
      delete run.files.speech;
      checkReport(run, true);
      const [speech] = await run.finish({ tasks: ["text"], methods: ["mha"] });
      run.published.write(run.published.folder, [{ ...speech!, name: "speech/mha/run-1" }]);
      assert.throws(
        () => checkReport(run, true),
        refusal(/cells of speech, .*lost, .*: npx daam features --preset made --task speech makes them/),
      );
    } finally {
      delete made.tasks.speech;
    }
  });
});
