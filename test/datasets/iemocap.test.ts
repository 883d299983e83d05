import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { datasetNamed, fingerprint } from "#src/datasets/index.js";
import { refusal, temporaryFolder } from "../support/files.js";
import { itemsOf, summary, wav } from "../support/items.js";

const { root, file } = temporaryFolder();

const turn = (name: string, emotion: string) =>
  `[1.0000 - 2.0000]\t${name}\t${emotion}\t[2.5000, 2.5000, 2.5000]\n`;

/** Two sessions in IEMOCAP's layout. */
function iemocap(name: string, turns: Record<string, string>, recordings: Record<string, Buffer>): string {
  for (const [dialogue, text] of Object.entries(turns))
    file(
      `${name}/Session${dialogue[4]}/dialog/EmoEvaluation/${dialogue}.txt`,
      `% [START_TIME - END_TIME]\n${text}`,
    );
  for (const [recording, bytes] of Object.entries(recordings))
    file(`${name}/Session${recording[4]}/sentences/wav/${recording.slice(0, -5)}/${recording}.wav`, bytes);
  return join(root, name);
}

test("IEMOCAP: four emotions, excited as happy, folds by session, long turns cut into clips", async () => {
  const labels = [
    ["F000", "neu"],
    ["F001", "exc"],
    ["F002", "xxx"],
    ["F003", "fru"],
    ["M000", "ang"],
  ].map(([turnName, emotion]) => turn(`Ses01F_impro01_${turnName}`, emotion!));
  const folder = iemocap(
    "iemocap",
    { Ses01F_impro01: labels.join(""), Ses02M_script01_1: turn("Ses02M_script01_1_M000", "sad") },
    {
      Ses01F_impro01_F000: wav(1),
      Ses01F_impro01_F001: wav(5.05),
      Ses01F_impro01_M000: wav(10.1),
      Ses02M_script01_1_M000: wav(0.5),
      Ses02M_script01_1_M009: wav(0.5),
    },
  );
  file("iemocap/Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", "archiver's litter");
  file("iemocap/Session1/dialog/EmoEvaluation/Categorical/Ses01F.txt", "one annotator's votes");
  const warnings: string[] = [];
  const read = await itemsOf("iemocap", [folder], { warn: (line) => warnings.push(line) });
  assert.deepEqual(read.map(summary), [
    ["Ses01F_impro01_F000#0", 1, 0, 1, 16_000],
    ["Ses01F_impro01_F001#0", 2, 0, 1, 80_000],
    ["Ses01F_impro01_M000#0", 3, 0, 1, 80_000],
    ["Ses01F_impro01_M000#1", 3, 0, 1, 80_000],
    ["Ses01F_impro01_M000#2", 3, 0, 1, 1_600],
    ["Ses02M_script01_1_M000#0", 0, 1, 2, 8_000],
  ]);
  assert.equal(warnings.length, 4);
  assert.match(warnings[0]!, /M009.wav: left out: no EmoEvaluation file labels it/);
  assert.match(warnings[1]!, /Session3: missing, so fold 2 is empty/);
});

test("IEMOCAP's fingerprint is of the contents of annotations and recordings, and of nothing else", async () => {
  const neutral = turn("Ses01F_impro01_F000", "neu");
  const folder = iemocap("print", { Ses01F_impro01: neutral }, { Ses01F_impro01_F000: wav(1) });
  const print = () => fingerprint(datasetNamed("iemocap"), [folder]);
  const before = await print();
  file("print/Session1/dialog/EmoEvaluation/Categorical/Ses01F.txt", "one annotator's votes");
  file("print/Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", "archiver's litter");
  file("print/Session1/dialog/avi/Ses01F.avi", "a video");
  assert.equal(await print(), before);
  iemocap("print", { Ses01F_impro01: neutral.replace("neu", "ang") }, {});
  const edited = await print();
  assert.notEqual(edited, before);
  const silence = wav(1).fill(0, 44);
  const recording = file("print/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav", silence);
  assert.notEqual(await print(), edited);
  rmSync(recording);
  iemocap("print", { Ses01F_impro01: neutral }, { Ses01F_impro01_F000: wav(1) });
  assert.equal(await print(), before);
});

test("IEMOCAP: missing recordings, turns labelled twice and missing labels are refused by name", async () => {
  const label = turn("Ses01F_impro01_F000", "neu");
  await assert.rejects(
    itemsOf("iemocap", [iemocap("no-wav", { Ses01F_impro01: label }, {})]),
    refusal(/Ses01F_impro01_F000.wav: missing, though .*Ses01F_impro01.txt labels it neu/),
  );
  const twice = iemocap(
    "twice",
    { Ses01F_impro01: label, Ses01F_impro02: label },
    { Ses01F_impro01_F000: wav(1) },
  );
  await assert.rejects(
    itemsOf("iemocap", [twice]),
    refusal(/impro02.txt: turn Ses01F_impro01_F000 is also labelled in Ses01F_impro01.txt/),
  );
  mkdirSync(join(root, "bare/Session1"), { recursive: true });
  await assert.rejects(itemsOf("iemocap", [join(root, "bare")]), refusal(/EmoEvaluation: cannot be listed/));
  const damaged = iemocap(
    "damaged",
    { Ses01F_impro01: label },
    { Ses01F_impro01_F000: wav(1).subarray(0, 999) },
  );
  await assert.rejects(itemsOf("iemocap", [damaged]), refusal(/Ses01F_impro01_F000.wav: .*truncated/));
});
