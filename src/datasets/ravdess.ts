import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { defaultLimits } from "../formats/archive.js";
import { readRecording } from "../formats/audio.js";
import { MAX_UTTERANCE_BYTES } from "../formats/recording.js";
import { type Emotion, emotions } from "./classes.js";
import { archivesOf, type Dataset } from "./dataset.js";
import { namesIn } from "./lookup.js";
import { members } from "./members.js";
import { clipItems } from "./speech.js";

/** Third field of a file's name; calm, fearful, disgust and surprised (02, 06, 07, 08) are left out. */
const emotionCodes: Record<string, Emotion> = {
  "01": "neutral",
  "03": "happiness",
  "04": "sadness",
  "05": "anger",
};
/** Modality 03 is audio alone, vocal channel 01 is speech; the last field is the actor. */
const NAME = /^03-01-(0[1-8])-0[12]-0[12]-0[12]-(\d{2})\.wav$/i;
const ACTOR = /^actor_\d{2}$/i;
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
      ...archivesOf("Audio_Speech_Actors_01-24"),
    ],
    lookalikes: {
      hint: /ravdess|(audio|video)_(speech|song)/i,
      wanted:
        "Audio_Speech_Actors_01-24.zip, or its folders Actor_01 to Actor_24 with recordings like 03-01-01-01-01-01-01.wav",
      holds: [[NAME]],
      telling: true,
    },
    folder: { is: (root) => recordingsIn(root).length > 0, files: recordingsIn },
  },
  async *items(paths, options = {}) {
    const [path] = paths;
    const seen = new Set<string>();
    const actors = new Set<number>();
    let twice = 0;
    const limits = { ...defaultLimits, entry: MAX_UTTERANCE_BYTES };
    for await (const entry of members(paths, { list: recordingsIn, limits })) {
      const file = basename(entry.file);
      const found = NAME.exec(file);
      if (!found) {
        if (/^[^.].*\.wav$/i.test(file)) options.warn?.(`${entry.name}: left out: not a RAVDESS speech name`);
        continue;
      }
      const emotion = emotionCodes[found[1]!];
      const actor = Number(found[2]);
      if (!emotion) continue;
      if (actor < 1 || actor > ACTORS)
        throw new UserError(`${entry.name} names actor ${actor} of ${ACTORS}; fetch the archive again`);
      const id = file.slice(0, -".wav".length);
      if (seen.has(id)) {
        twice++;
        continue;
      }
      seen.add(id);
      actors.add(actor);
      const recording = await readRecording(await entry.read(), entry.name);
      yield* clipItems(recording, { id, emotion, fold: (actor - 1) % FOLDS, group: actor }, options);
    }
    if (twice) options.warn?.(`${path}: left out: recordings that it holds twice: ${twice}`);
    if (actors.size > 0 && actors.size < ACTORS)
      options.warn?.(`${path}: holds ${actors.size} of ${ACTORS} actors; it may be there in part`);
    if (actors.size === 0)
      throw new UserError(
        `${path}: holds no recording named like Actor_01/03-01-01-01-01-01-01.wav; fetch the archive again`,
      );
  },
};

/** The recordings of an unpacked archive, actor by actor as in it: in folders Actor_01 to Actor_24, or beside each other. */
function recordingsIn(root: string): string[] {
  const folders = ["", ...namesIn(root).filter((name) => ACTOR.test(name))];
  const files = folders.flatMap((folder) =>
    namesIn(join(root, folder))
      .filter((name) => NAME.test(name))
      .map((name) => join(folder, name)),
  );
  const order = (file: string) => `${NAME.exec(basename(file))![2]} ${basename(file)}`;
  return files.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}
