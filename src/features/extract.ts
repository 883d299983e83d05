import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  datasetNamed,
  downloadProgress,
  fingerprint,
  locate,
  type LocateOptions,
  type Dataset,
  type Item,
} from "../datasets/index.js";
import { openEncoder } from "../encoders/encoder.js";
import { locateEncoder, soundEncoder, type LocatedEncoder } from "../encoders/locate.js";
import { meanStates } from "../encoders/stream.js";
import { UserError } from "../errors.js";
import { Lock, removeEmpty } from "../lock.js";
import { shiftInput } from "../shifts/shift.js";
import { chunksOf } from "./chunks.js";
import { cacheName, encoderId, PAD_TOGETHER, type ExtractionSettings } from "./extraction.js";
import { staysInMemory } from "./cost.js";
import { HalfwayFile } from "./halfway.js";
import { chosenItems, itemsNamed, preparation } from "./inputs.js";
import { damageOf, RecordWriter, type ItemNote } from "./records.js";

/** Of why items are left out, those named in one line. */
const REASONS = 3;

export interface ExtractOptions {
  /** Folder of the cache. */
  cache: string;
  onProgress?: (done: number, total: number) => void;
  /** Takes a line on what was left out and why, or what is waited for. */
  warn?: (line: string) => void;
}

/**
 * Where an extraction's feature file lies in the cache, and whether it is finished and sound. Finds or fetches the encoder and the raw data.
 * @returns beside it `place`, which says the same of other settings with this data and encoder
 */
export async function plannedFile(settings: ExtractionSettings, cache: string, options: LocateOptions = {}) {
  const dataset = datasetNamed(settings.dataset);
  const located = await locateEncoder(settings.encoder, { fetch: options.fetch });
  const paths = await locate(dataset, { progress: downloadProgress(), ...options });
  const ids = [idOf(located), await fingerprint(dataset, paths)] as const;
  const place = (of: ExtractionSettings) => {
    const folder = join(cache, cacheName({ ...of, encoder: located.name }, ...ids));
    const path = RecordWriter.finished(folder);
    return { folder, path, finished: existsSync(path) && damageIn(folder) === undefined };
  };
  return { dataset, paths, located, ...place(settings), place };
}

/** A published encoder goes by its commit: other files of the repository, which other clients fetch, do not matter. */
const idOf = ({ folder, repository, commit }: LocatedEncoder) =>
  commit ? `${repository}@${commit}` : encoderId(folder);

/**
 * Raw data → hidden states of every layer → mean over time, tokens or patches → a feature file in the cache. Goes on where it
 * stopped, even after `kill -9`; a finished one is returned at once, and one that another process makes when it is finished. A damaged
 * one is made again from its first damaged item.
 * @returns path of the feature file: `features` float32 [n, layers, features], `labels`, and `split` or `fold` and `group`
 * @throws UserError for data or an encoder that cannot be had, read, or do not fit each other, and where no item is usable
 */
export async function extractFeatures(
  settings: ExtractionSettings,
  options: ExtractOptions,
): Promise<string> {
  const { dataset, paths, located, folder, path, finished } = await plannedFile(settings, options.cache);
  if (finished) return path;
  const waiting = (pid: number) => options.warn?.(`process ${pid} makes ${path}: waiting for it`);
  const lock = await Lock.acquire(join(folder, "lock"), waiting);
  try {
    if (existsSync(path)) {
      const damage = damageIn(folder);
      if (damage === undefined) return path;
      options.warn?.(`${path} is damaged (${damage}): what follows the last sound item is made again`);
      RecordWriter.reopen(folder);
    }
    const sound = await soundEncoder(settings.encoder, located, options.warn);
    return await extract(settings, sound, dataset, paths, folder, options);
  } finally {
    lock.release();
    removeEmpty(folder);
  }
}

/** What is wrong with a finished file: a copy may have been cut off, a disk may have failed. */
function damageIn(folder: string): string | undefined {
  try {
    return damageOf(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

/** Writes the feature file in `folder`; its holder holds the lock. */
async function extract(
  settings: ExtractionSettings,
  located: LocatedEncoder,
  dataset: Dataset,
  paths: string[],
  folder: string,
  options: ExtractOptions,
): Promise<string> {
  const resident = staysInMemory(located.folder);
  const encoder = await openEncoder(located.folder, { resident });
  let writer: RecordWriter | undefined;
  try {
    if (encoder.modality !== dataset.input) {
      throw new UserError(
        `${settings.encoder} takes ${encoder.modality}, ${dataset.title} is ${dataset.input}: choose another encoder`,
      );
    }
    const prepare = preparation(encoder, settings);
    const chosen = await usableItems(dataset, paths, settings, options.warn);
    // Not before all else is known to be good: a refused run leaves nothing in the cache.
    writer = RecordWriter.open(folder, encoder.layers, encoder.features);
    const known = writer.ids;
    if (known.some((id, i) => id !== chosen[i])) {
      throw new UserError(`${folder} was begun with other items: remove it and start again`);
    }
    const { padTogether = PAD_TOGETHER } = settings;
    // Going on within a group would pad it otherwise.
    const kept = known.length < chosen.length ? known.length - (known.length % padTogether) : known.length;
    writer.keep(kept);
    const inputOf = ({ id, input }: Item) => (settings.shift ? shiftInput(input, settings.shift, id) : input);
    const cut = {
      prepare: (items: Item[]) => prepare(items.map(inputOf)),
      padTogether,
      streamed: !resident,
    };
    const halfway = new HalfwayFile(folder, undefined, options.warn);
    options.onProgress?.(kept, chosen.length);
    let done = kept;
    for await (const chunk of chunksOf(itemsNamed(dataset, paths, chosen.slice(kept)), encoder, cut)) {
      const means = await meanStates(encoder, chunk.batches, {
        from: halfway.read(chunk),
        onStep: async (share, stand) => {
          if (share < 1) options.onProgress?.(done + share * chunk.items.length, chosen.length);
          await halfway.write(chunk, stand);
        },
      });
      writer.append(means, chunk.items.map(noteOf));
      options.onProgress?.((done += chunk.items.length), chosen.length);
    }
    halfway.remove();
    return writer.finish(about(dataset, settings, located));
  } finally {
    writer?.close();
    encoder.dispose();
  }
}

/** Ids of the items to take. @throws UserError with the reasons where there is none. */
async function usableItems(
  dataset: Dataset,
  paths: string[],
  settings: ExtractionSettings,
  warn?: (line: string) => void,
): Promise<string[]> {
  const reasons: string[] = [];
  const chosen = await chosenItems(dataset, paths, settings, (line) => {
    reasons.push(line);
    warn?.(line);
  });
  if (chosen.length > 0) return chosen;
  const more = reasons.length > REASONS ? ` and ${reasons.length - REASONS} more` : "";
  const why = reasons.length ? ` (${reasons.slice(0, REASONS).join("; ")}${more})` : "";
  const asked = settings.perClass ? ", or ask for other numbers per class" : "";
  throw new UserError(
    `${paths.join(", ")}: no item of a class of ${dataset.title} is usable${why}; put a whole copy there${asked}`,
  );
}

function noteOf({ id, label, split, fold, group }: Item): ItemNote {
  return {
    id,
    label,
    ...(split && { split: split === "train" ? 0 : 1 }),
    ...(fold !== undefined && { fold }),
    ...(group !== undefined && { group }),
  };
}

function about(
  dataset: Dataset,
  settings: ExtractionSettings,
  { name, repository, commit }: LocatedEncoder,
): object {
  const over = { audio: "time, padding included", text: "tokens, <s> included", image: "all tokens" }[
    dataset.input
  ];
  return {
    data: dataset.title,
    licence: dataset.licence,
    classes: dataset.classes.length,
    pooling: `mean over ${over}`,
    ...settings,
    encoder: name,
    ...(commit && { repository, commit }),
  };
}
