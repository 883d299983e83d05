import { UserError } from "../errors.js";

/** A turn of an IEMOCAP dialogue and what its annotators agreed on. */
export interface Turn {
  /** For example `Ses01F_impro01_F000`. */
  name: string;
  /** Seconds from the start of the dialogue. */
  start: number;
  end: number;
  /** Three letters: `neu`, `ang`, `sad`, `hap`, `exc`, …; `xxx` where no majority agreed. */
  emotion: string;
  /** 1 to 5. */
  valence: number;
  activation: number;
  dominance: number;
}

const NUMBER = String.raw`\s*(-?\d+(?:\.\d+)?)\s*`;
const TURN = new RegExp(
  String.raw`^\[${NUMBER}-${NUMBER}\]\s+(\w{1,64})\s+([a-z]{3})\s+\[${NUMBER},${NUMBER},${NUMBER}\]\s*$`,
);
const MAX_LINE = 1_000;

/**
 * The turns of an EmoEvaluation file in file order. A turn's line begins with `[`; the others (comments with `%`, the single
 * annotators' votes) are passed over.
 * @param name what errors begin with.
 * @throws UserError for a damaged line, a turn that is labelled twice in different ways, and a file without turns.
 */
export function parseEmoEvaluation(text: string, name: string): Turn[] {
  const refuse = (why: string) =>
    new UserError(`${name}: not a readable EmoEvaluation file: ${why}; copy it again`);
  const turns = new Map<string, Turn>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (!line.startsWith("[")) return;
    const found = line.length <= MAX_LINE && TURN.exec(line);
    if (!found)
      throw refuse(
        `line ${index + 1} is not "[start - end] turn emotion [V, A, D]": ${JSON.stringify(line.slice(0, 80))}`,
      );
    const [, start, end, turn, emotion, valence, activation, dominance] = found as unknown as string[];
    const read: Turn = {
      name: turn!,
      start: Number(start),
      end: Number(end),
      emotion: emotion!,
      valence: Number(valence),
      activation: Number(activation),
      dominance: Number(dominance),
    };
    if (read.end < read.start) throw refuse(`line ${index + 1}: turn ${turn} ends before it starts`);
    const before = turns.get(read.name);
    if (before && (before.emotion !== read.emotion || before.start !== read.start || before.end !== read.end))
      throw refuse(`line ${index + 1}: turn ${turn} is labelled ${emotion} here and ${before.emotion} above`);
    if (!before) turns.set(read.name, read);
  });
  if (turns.size === 0) throw refuse("it holds no turns");
  return [...turns.values()];
}
