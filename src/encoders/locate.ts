/** From what a user calls an encoder to the folder that holds it: his own, the registry's, or the hub's. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Patience } from "../download.js";
import { UserError } from "../errors.js";
import { rawFolder } from "../folders.js";
import { cachedSnapshot, isWhole, removeDamaged, repositoryFolder } from "../hub/cache.js";
import { describeRepository, gatedError } from "../hub/client.js";
import { checkRoom, fetchSnapshot, planFetch, readableBytes, type FetchPlan } from "../hub/fetch.js";
import { hubOfEnvironment, nameOf, repositoryName, type RepositoryName } from "../hub/hub.js";
import { itemCounter } from "../terminal.js";
import { published, type PublishedEncoder } from "./published.js";

/** An encoder that is here. */
export interface LocatedEncoder {
  folder: string;
  /** What its hidden states and results are called after. */
  name: string;
  /** Where it was published, where it lies in the hub's cache. */
  repository?: string;
  commit?: string;
}

/** An encoder that is not here, and what there is to fetch. */
export interface AbsentEncoder {
  name: string;
  plan: FetchPlan;
}

/**
 * Where an encoder lies.
 * @param reference a folder, a name of the registry, or `organisation/name[@revision]` on the hub; a folder goes first
 * @returns undefined where it must be fetched first
 * @throws UserError for what is none of these
 */
export function findEncoder(reference: string): LocatedEncoder | undefined {
  return existsSync(reference)
    ? { folder: reference, name: basename(reference) }
    : placeOf(readReference(reference));
}

function placeOf({ name, own, ...wanted }: Reference): LocatedEncoder | undefined {
  if (own && existsSync(own)) return { folder: own, name };
  const snapshot = cachedSnapshot(hubOfEnvironment(), wanted);
  return snapshot && isWhole(snapshot.folder) ? { ...snapshot, name } : undefined;
}

/**
 * Where an encoder lies, or what there is to fetch of it.
 * @throws UserError for what is no encoder, and where it is not here and cannot be had: the reason and what to do
 */
export async function lookUpEncoder(
  reference: string,
  patience: Patience = {},
): Promise<LocatedEncoder | AbsentEncoder> {
  const found = findEncoder(reference);
  if (found) return found;
  const { name, own, entry, ...wanted } = readReference(reference);
  const hub = hubOfEnvironment();
  const otherwise = own ? `, or put its folder at ${own}` : "";
  if (hub.offline)
    throw new UserError(
      `${nameOf(wanted)} is not in ${hub.cache}, and HF_HUB_OFFLINE forbids to fetch it: unset that${otherwise}`,
    );
  try {
    // known without asking
    if (entry?.gated && !hub.token) throw gatedError(wanted.repository);
    return { name, plan: planFetch(await describeRepository(wanted, hub, patience), hub) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message}${otherwise}`);
  }
}

/**
 * An encoder's folder; what is not here is fetched from the hub.
 * @throws UserError as {@link lookUpEncoder} and `fetchSnapshot` do
 */
export async function locateEncoder(
  reference: string,
  { fetch = true, ...patience }: Patience & { fetch?: boolean } = {},
): Promise<LocatedEncoder> {
  const found = findEncoder(reference);
  if (found) return found;
  if (!fetch)
    throw new UserError(`the encoder ${reference} is not here: npx daam encoders fetch ${reference}`);
  const absent = await lookUpEncoder(reference, patience);
  return "plan" in absent ? fetchEncoder(absent, patience) : absent;
}

/**
 * Sees to it that an encoder in the hub's cache is what was published: what is damaged is named, removed and fetched again. It reads all of
 * the files, which takes a minute for 50 GB: for work that takes longer.
 * @param reference by which it was located
 * @throws UserError as {@link locateEncoder} does
 */
export async function soundEncoder(
  reference: string,
  located: LocatedEncoder,
  warn?: (line: string) => void,
): Promise<LocatedEncoder> {
  if (!located.commit) return located;
  const damaged = await removeDamaged(located.folder);
  if (!damaged.length) return located;
  warn?.(`${damaged.join(", ")} is damaged: it was removed and is fetched again`);
  return locateEncoder(reference);
}

/** What will be fetched, and from where: "378 MB from …". */
export function fetchLine({ name, plan: { of, missing } }: AbsentEncoder): string {
  const { endpoint, cache } = hubOfEnvironment();
  return `${name}: ${readableBytes(missing)} from ${endpoint}/${of.repository}, commit ${of.commit}, into ${cache}`;
}

/** Fetches with progress in the terminal. @throws UserError as `fetchSnapshot` does, and where the disk has no room. */
export async function fetchEncoder(
  { name, plan }: AbsentEncoder,
  patience: Patience = {},
): Promise<LocatedEncoder> {
  const hub = hubOfEnvironment();
  await checkRoom(plan.missing, hub);
  const progress = itemCounter(name, process.stderr, { name: "MB", size: 1e6 });
  return { ...(await fetchSnapshot(plan, hub, { ...patience, progress })), name };
}

interface Reference extends RepositoryName {
  name: string;
  /** The user's own folder of a registered encoder. */
  own?: string;
  entry?: PublishedEncoder;
}

function readReference(reference: string): Reference {
  const entry = published.find(({ name }) => name === reference);
  if (entry) return referenceTo(entry);
  const wanted = repositoryName(reference);
  if (!wanted)
    throw new UserError(
      `${reference} is not an encoder: name a folder with config.json and weights, as from Hugging Face, a repository ` +
        `(organisation/name) or one of ${published.map(({ name }) => name).join(", ")}`,
    );
  const registered = published.find(({ repository }) => repository === wanted.repository);
  const name = registered?.name ?? wanted.repository.split("/")[1]!;
  return { ...wanted, name, ...(registered && { entry: registered }) };
}

const referenceTo = (entry: PublishedEncoder): Reference => ({
  repository: entry.repository,
  revision: "main",
  name: entry.name,
  own: join(process.env.DAAM_ENCODERS ?? rawFolder(), entry.name),
  entry,
});

/** The registry, with what of it is here. */
export function encoderStates(): { entry: PublishedEncoder; located?: LocatedEncoder; begun: boolean }[] {
  const hub = hubOfEnvironment();
  return published.map((entry) => ({
    entry,
    located: placeOf(referenceTo(entry)),
    begun: existsSync(repositoryFolder(hub, entry.repository)),
  }));
}
