import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEmoEvaluation } from "#src/formats/emo-evaluation.js";
import { refusal } from "../support/files.js";

const turn = "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]";

test("an EmoEvaluation file's turns are read, its comments and votes passed over", () => {
  const text = `% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n${turn}\nC-E2:\tNeutral;\t()\r\n${turn}\n`;
  assert.deepEqual(parseEmoEvaluation(text, "e.txt"), [
    {
      name: "Ses01F_impro01_F000",
      start: 6.2901,
      end: 8.2357,
      emotion: "neu",
      valence: 2.5,
      activation: 2.5,
      dominance: 2.5,
    },
  ]);
});

for (const [what, text, why] of [
  ["no turns", "% nothing\n", /holds no turns/],
  ["a missing label", turn.replace("neu", ""), /line 1 is not/],
  ["a cut line", turn.slice(0, 30), /line 1 is not/],
  [
    "a turn with two labels",
    `${turn}\n${turn.replace("neu", "sad")}`,
    /line 2: turn \w+ is labelled sad here and neu above/,
  ],
  ["a turn that ends early", turn.replace("8.2357", "1.0"), /ends before it starts/],
] as const)
  test(`an EmoEvaluation file with ${what} is refused`, () => {
    assert.throws(() => parseEmoEvaluation(text, "e.txt"), refusal(why));
  });
