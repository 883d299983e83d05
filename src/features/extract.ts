import { existsSync } from "node:fs";
import { basename, join } from "node:path";
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
import { UserError } from "../errors.js";
import { Lock } from "../lock.js";
import { shiftInput } from "../shifts/shift.js";
import { cacheName, encoderBytes, encoderId, type ExtractionSettings } from "./extraction.js";
import { chosenItems, itemsNamed, preparation } from "./inputs.js";
import { RecordWriter, type ItemNote } from "./records.js";

/** Encoders of at most so many bytes are kept in memory; of larger ones one layer at a time. */
const RESIDENT = 2 ** 29;
/** Items that pass a layer together, and batches a layer is loaded for where the encoder does not fit. */
const BATCH = 16;
const STREAMED_BATCHES = 32;

export interface ExtractOptions {
  /** Folder of the cache. */
  cache: string;
  onProgress?: (done: number, total: number) => void;
  /** Takes a line on what was left out and why, or what is waited for. */
  warn?: (line: string) => void;
}

/**
 * Where an extraction's feature file lies in the cache, and whether it is finished. Finds or fetches the raw data.
 * @returns beside it `place`, which says the same of other settings with this data and encoder
 */
export async function plannedFile(settings: ExtractionSettings, cache: string, options: LocateOptions = {}) {
  const dataset = datasetNamed(settings.dataset);
  const paths = await locate(dataset, { progress: downloadProgress(), ...options });
  const ids = [encoderId(settings.encoder), await fingerprint(paths)] as const;
  const place = (of: ExtractionSettings) => {
    const folder = join(cache, cacheName(of, ...ids));
    const path = RecordWriter.finished(folder);
    return { folder, path, finished: existsSync(path) };
  };
  return { dataset, paths, ...place(settings), place };
}

/**
 * Raw data → hidden states of every layer → mean over time, tokens or patches → a feature file in the cache. Goes on where it
 * stopped, even after `kill -9`; a finished one is returned at once, and one that another process makes when it is finished.
 * @returns path of the feature file: `features` float32 [n, layers, features], `labels`, and `split` or `fold` and `group`
 * @throws UserError for data or an encoder that cannot be had, read, or do not fit each other
 */
export async function extractFeatures(
  settings: ExtractionSettings,
  options: ExtractOptions,
): Promise<string> {
  const { dataset, paths, folder, path, finished } = await plannedFile(settings, options.cache);
  if (finished) return path;
  const waiting = (pid: number) => options.warn?.(`process ${pid} makes ${path}: waiting for it`);
  const lock = await Lock.acquire(join(folder, "lock"), waiting);
  try {
    return existsSync(path) ? path : await extract(settings, dataset, paths, folder, options);
  } finally {
    lock.release();
  }
}

/** Writes the feature file in `folder`; its holder holds the lock. */
async function extract(
  settings: ExtractionSettings,
  dataset: Dataset,
  paths: string[],
  folder: string,
  options: ExtractOptions,
): Promise<string> {
  const resident = encoderBytes(settings.encoder) <= RESIDENT;
  const encoder = await openEncoder(settings.encoder, { resident });
  let writer: RecordWriter | undefined;
  try {
    if (encoder.modality !== dataset.input) {
      throw new UserError(
        `${settings.encoder} takes ${encoder.modality}, ${dataset.title} is ${dataset.input}: choose another encoder`,
      );
    }
    writer = RecordWriter.open(folder, encoder.layers, encoder.features);
    const chosen = await chosenItems(dataset, paths, settings);
    const known = writer.ids;
    if (known.some((id, i) => id !== chosen[i])) {
      throw new UserError(`${folder} was begun with other items: remove it and start again`);
    }
    const prepare = preparation(encoder, settings);
    const inputOf = ({ id, input }: Item) => (settings.shift ? shiftInput(input, settings.shift, id) : input);
    const chunkItems = BATCH * (resident ? 1 : STREAMED_BATCHES);
    options.onProgress?.(known.length, chosen.length);
    let done = known.length;
    for await (const chunk of chunks(
      itemsNamed(dataset, paths, chosen.slice(done), options.warn),
      chunkItems,
    )) {
      const batches = Array.from({ length: Math.ceil(chunk.length / BATCH) }, (_, i) =>
        prepare(chunk.slice(i * BATCH, (i + 1) * BATCH).map(inputOf)),
      );
      writer.append(await encoder.meanStates(batches), chunk.map(noteOf));
      options.onProgress?.((done += chunk.length), chosen.length);
    }
    return writer.finish(about(dataset, settings));
  } finally {
    writer?.close();
    encoder.dispose();
  }
}

async function* chunks<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length) yield chunk;
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

function about(dataset: Dataset, settings: ExtractionSettings): object {
  const over = { audio: "time, padding included", text: "tokens, <s> included", image: "all tokens" }[
    dataset.input
  ];
  return {
    data: dataset.title,
    licence: dataset.licence,
    classes: dataset.classes.length,
    pooling: `mean over ${over}`,
    ...settings,
    encoder: basename(settings.encoder),
  };
}
