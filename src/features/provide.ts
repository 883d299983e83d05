import { datasetNamed, downloadProgress, locate, toFetch } from "../datasets/index.js";
import { fetchPatiently, GaveUp, type Patience } from "../download.js";
import { fetchEncoder, fetchLine, lookUpEncoder, type AbsentEncoder } from "../encoders/locate.js";
import { UserError } from "../errors.js";
import { checkRoom, readableBytes } from "../hub/fetch.js";
import { hubOfEnvironment } from "../hub/hub.js";
import type { ExtractionSettings } from "./extraction.js";

interface ProvideOptions extends Patience {
  /** Takes a line on each thing that is fetched. */
  say?: (line: string) => void;
}

/** What an extraction starts from and is not here. */
interface Absent {
  /** Its size and from where it would be fetched. */
  line: string;
  encoder?: AbsentEncoder;
  fetch(): Promise<unknown>;
}

/**
 * Sees to it that the encoders and the raw data of extractions are here: says what will be fetched, then fetches it.
 * @param wanted shifted inputs and numbers of items do not matter
 * @throws UserError before anything is fetched, where something can neither be found nor fetched: it lists all that is missing
 */
export async function provide(
  wanted: readonly Pick<ExtractionSettings, "dataset" | "encoder">[],
  { say = (line) => console.error(line), ...patience }: ProvideOptions = {},
): Promise<void> {
  const unique = (names: string[]) => [...new Set(names)];
  const looked = await Promise.allSettled([
    ...unique(wanted.map(({ encoder }) => encoder)).map((name) => absentEncoder(name, patience)),
    ...unique(wanted.map(({ dataset }) => dataset)).map((name) => absentData(name, patience)),
  ]);
  const absent = looked.flatMap((found) => (found.status === "fulfilled" && found.value) || []);
  const refused = looked.flatMap((found) => (found.status === "rejected" ? [found.reason as Error] : []));
  const unexpected = refused.find((error) => !(error instanceof UserError));
  if (unexpected) throw unexpected;
  if (refused.length === 1 && !absent.length) throw refused[0]!;
  if (refused.length) {
    const also = absent.map(({ line }) => `${line} could be fetched`);
    throw new UserError(
      `nothing is fetched, since not all can be had: ${[...refused.map(({ message }) => message), ...also].join("; ")}`,
    );
  }
  const bytes = absent.reduce((sum, { encoder }) => sum + (encoder?.plan.missing ?? 0), 0);
  if (bytes) await checkRoom(bytes, hubOfEnvironment());
  for (const { line } of absent) say(`to fetch: ${line}`);
  for (const { fetch } of absent) await fetch();
}

async function absentEncoder(reference: string, patience: Patience): Promise<Absent | undefined> {
  const encoder = await lookUpEncoder(reference, patience);
  if (!("plan" in encoder)) return undefined;
  return { line: fetchLine(encoder), encoder, fetch: () => fetchEncoder(encoder, patience) };
}

async function absentData(name: string, patience: Patience): Promise<Absent | undefined> {
  const dataset = datasetNamed(name);
  const absent = await toFetch(dataset);
  if (!absent) return undefined;
  const { files, why } = absent;
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  const addresses = files.map(({ url }) => url);
  const line = `${dataset.title}: ${readableBytes(bytes)} from ${addresses.join(", ")}`;
  for (const address of addresses) await checkReachable(why, address, patience);
  const fetch = () => locate(dataset, { progress: downloadProgress(), connection: patience });
  return { line, fetch };
}

/** @throws UserError where nobody answers; whatever is answered, the download will tell. */
async function checkReachable(why: string, address: string, patience: Patience): Promise<void> {
  try {
    await fetchPatiently(address, { method: "HEAD" }, { ...patience, attempts: 1 });
  } catch (error) {
    if (!(error instanceof GaveUp)) throw error;
    if (/^status/.test(error.reason)) return;
    throw new UserError(`${why} (${address} cannot be reached: ${error.reason})`);
  }
}
