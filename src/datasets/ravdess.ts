import { basename } from "node:path";
import { UserError } from "../errors.js";
import { archiveEntries, defaultLimits } from "../formats/archive.js";
import { MAX_UTTERANCE_BYTES } from "../formats/recording.js";
import { readRecording } from "../formats/audio.js";
import { type Emotion, emotions } from "./classes.js";
import type { Dataset } from "./dataset.js";
import { clipItems } from "./speech.js";

/** Third field of a file's name; calm, fearful, disgust and surprised (02, 06, 07, 08) are left out. */
const emotionCodes: Record<string, Emotion> = {
  "01": "neutral",
  "03": "happiness",
  "04": "sadness",
  "05": "anger",
};
/** Modality 03 is audio alone, vocal channel 01 is speech; the last field is the actor. */
const NAME = /^03-01-(0[1-8])-0[12]-0[12]-0[12]-(\d{2})\.wav$/;
const FOLDS = 5;
const ACTORS = 24;

/** Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo 2018), the speech archive. */
export const ravdess: Dataset = {
  name: "ravdess",
  title: "RAVDESS speech",
  input: "audio",
  classes: emotions,
  splits: [],
  licence: "CC BY-NC-SA 4.0",
  source: {
    kind: "files",
    alternatives: [
      [
        {
          name: "Audio_Speech_Actors_01-24.zip",
          url: "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
          bytes: 208_468_073,
          md5: "bc696df654c87fed845eb13823edef8a",
        },
      ],
    ],
  },
  async *items([path], options = {}) {
    const seen = new Set<string>();
    let count = 0;
    for await (const entry of archiveEntries(path!, { ...defaultLimits, entry: MAX_UTTERANCE_BYTES })) {
      const file = basename(entry.name);
      const found = NAME.exec(file);
      if (!found) {
        if (/\.wav$/i.test(file))
          options.warn?.(`${path}: ${entry.name}: left out: not a RAVDESS speech name`);
        continue;
      }
      const emotion = emotionCodes[found[1]!];
      const actor = Number(found[2]);
      if (!emotion) continue;
      if (actor < 1 || actor > ACTORS)
        throw new UserError(
          `${path}: ${entry.name} names actor ${actor} of ${ACTORS}; fetch the archive again`,
        );
      if (seen.has(file)) {
        options.warn?.(`${path}: ${entry.name}: left out: the archive holds this recording twice`);
        continue;
      }
      seen.add(file);
      count++;
      const recording = await readRecording(await entry.read(), `${path}: ${entry.name}`);
      yield* clipItems(
        recording,
        { id: basename(file, ".wav"), emotion, fold: (actor - 1) % FOLDS, group: actor },
        options,
      );
    }
    if (count === 0)
      throw new UserError(
        `${path}: holds no recording named like Actor_01/03-01-01-01-01-01-01.wav; fetch the archive again`,
      );
  },
};
