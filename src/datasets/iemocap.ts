import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { UserError } from "../errors.js";
import { readRecording } from "../formats/audio.js";
import { parseEmoEvaluation } from "../formats/emo-evaluation.js";
import { readBounded } from "../formats/read.js";
import { MAX_UTTERANCE_BYTES } from "../formats/recording.js";
import { type Emotion, emotions } from "./classes.js";
import type { Dataset, ItemOptions } from "./dataset.js";
import { pathIn, placeIn } from "./lookup.js";
import { clipItems } from "./speech.js";

/** Excited counts as happy, as in the paper; every other label is left out. */
const emotionCodes: Record<string, Emotion> = {
  neu: "neutral",
  ang: "anger",
  sad: "sadness",
  hap: "happiness",
  exc: "happiness",
};
const SESSIONS = [1, 2, 3, 4, 5];
const [TXT, WAV] = [/\.txt$/i, /\.wav$/i];
const MAX_TEXT = 4 * 2 ** 20;

/** Interactive Emotional Dyadic Motion Capture Database (Busso et al. 2008): one fold a session. */
export const iemocap: Dataset = {
  name: "iemocap",
  title: "IEMOCAP",
  input: "audio",
  classes: emotions,
  splits: [],
  licence: "by request from the University of Southern California",
  source: {
    kind: "folder",
    names: ["IEMOCAP_full_release", "IEMOCAP", "iemocap", "."],
    lookalikes: {
      hint: /iemocap/i,
      wanted: "the folder IEMOCAP_full_release with Session1/dialog/EmoEvaluation, unpacked",
      holds: [],
    },
    folder: {
      is: (root) => pathIn(root, "Session1/dialog/EmoEvaluation") !== undefined,
      files: sessionFiles,
    },
    how: "ask for it at https://sail.usc.edu/iemocap/ and put the folder IEMOCAP_full_release there",
  },
  async *items([root], options = {}) {
    for (const session of SESSIONS) {
      const folder = placeIn(root!, `Session${session}`);
      if (existsSync(folder)) yield* sessionItems(folder, session, options);
      else options.warn?.(`${folder}: missing, so fold ${session - 1} is empty`);
    }
  },
};

async function* sessionItems(folder: string, session: number, options: ItemOptions) {
  const labels = placeIn(folder, "dialog/EmoEvaluation");
  const wavs = placeIn(folder, "sentences/wav");
  const seen = new Map<string, string>();
  for (const file of textFiles(labels)) {
    const path = join(labels, file);
    const dialogue = file.replace(TXT, "");
    for (const turn of parseEmoEvaluation(readBounded(path, MAX_TEXT).toString("utf8"), path)) {
      const elsewhere = seen.get(turn.name);
      if (elsewhere)
        throw new UserError(`${path}: turn ${turn.name} is also labelled in ${elsewhere}; keep one of them`);
      seen.set(turn.name, file);
      const emotion = emotionCodes[turn.emotion];
      if (!emotion) continue;
      const wav = placeIn(wavs, `${dialogue}/${turn.name}.wav`);
      if (!existsSync(wav))
        throw new UserError(
          `${wav}: missing, though ${path} labels it ${turn.emotion}; copy Session${session} again`,
        );
      const recording = await readRecording(readBounded(wav, MAX_UTTERANCE_BYTES), wav);
      yield* clipItems(recording, { id: turn.name, emotion, fold: session - 1, group: session }, options);
    }
  }
  warnUnlabelled(wavs, seen, options);
}

/** Annotations and recordings; the release's videos, motions and transcripts are not read. */
function sessionFiles(root: string): string[] {
  const inside = (place: string, ending: RegExp, recursive: boolean) => {
    const folder = relative(root, placeIn(root, place));
    if (!existsSync(join(root, folder))) return [];
    return readdirSync(join(root, folder), { recursive, encoding: "utf8" })
      .filter((name) => ending.test(name) && !basename(name).startsWith("."))
      .map((name) => join(folder, name))
      .filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile())
      .sort();
  };
  return SESSIONS.flatMap((session) => [
    ...inside(`Session${session}/dialog/EmoEvaluation`, TXT, false),
    ...inside(`Session${session}/sentences/wav`, WAV, true),
  ]);
}

/** The annotators' files; the release also holds subfolders and the `._` files of its archiver. */
function textFiles(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new UserError(
      `${folder}: cannot be listed (${(error as NodeJS.ErrnoException).code}); copy IEMOCAP again`,
    );
  }
  const files = names.filter((name) => TXT.test(name) && !name.startsWith(".")).sort();
  if (files.length === 0) throw new UserError(`${folder}: holds no EmoEvaluation files; copy IEMOCAP again`);
  return files;
}

function warnUnlabelled(folder: string, labelled: Map<string, string>, { warn }: ItemOptions): void {
  if (!warn || !existsSync(folder)) return;
  const known = new Set([...labelled.keys()].map((name) => name.toLowerCase()));
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const name = basename(file).replace(WAV, "");
    if (WAV.test(file) && !name.startsWith(".") && !known.has(name.toLowerCase()))
      warn(`${join(folder, file)}: left out: no EmoEvaluation file labels it`);
  }
}
