import { fileDownloadInfo, HUB_URL, listFiles, modelInfo } from "@huggingface/hub";
import { fetchPatiently, GaveUp, type Patience } from "../download.js";
import { UserError } from "../errors.js";
import { nameOf, type Hub, type RepositoryName } from "./hub.js";

/** A file of a repository. */
export interface HubFile {
  path: string;
  bytes: number;
  /** SHA-256 of a large file. */
  sha256?: string;
  /** SHA-1 of git's blob, of any other. */
  gitSha1?: string;
}

/** A repository at a commit. */
export interface Repository extends RepositoryName {
  commit: string;
  /** Files at its root. */
  files: HubFile[];
}

/**
 * What the hub has of a repository, and that the user may fetch it.
 * @throws UserError in one line for a repository or revision that is not there, one whose licence must be accepted first, a token that is
 *   not accepted, a hub that cannot be reached or asks to wait
 */
export async function describeRepository(
  name: RepositoryName,
  hub: Hub,
  patience: Patience = {},
): Promise<Repository> {
  const { repository, revision } = name;
  const options = { hubUrl: hub.endpoint, fetch: hubFetch(name, hub, patience) };
  const { sha: commit, gated } = await modelInfo({
    name: repository,
    revision,
    additionalFields: ["sha"],
    ...options,
  });
  if (!/^[0-9a-f]{40}$/.test(commit))
    throw new UserError(`${hub.endpoint} names no commit of ${nameOf(name)}: set HF_ENDPOINT to another hub`);
  const repo = { type: "model" as const, name: repository };
  const files: HubFile[] = [];
  for await (const { type, path, size, oid, lfs } of listFiles({ repo, revision: commit, ...options }))
    if (type === "file")
      files.push({ path, bytes: lfs?.size ?? size, ...(lfs ? { sha256: lfs.oid } : { gitSha1: oid! }) });
  if (gated) {
    if (!hub.token) throw gatedError(repository);
    // anyone may list the files of a gated repository
    await fileDownloadInfo({ repo, path: "config.json", revision: commit, ...options });
  }
  return { ...name, commit, files };
}

/** Where a file lies on the hub. */
export const fileAddress = ({ endpoint }: Hub, { repository, commit }: Repository, path: string) =>
  `${endpoint}/${repository}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;

/** A small JSON file of a repository. @throws UserError as {@link describeRepository} does, and where it is not JSON. */
export async function readJson(of: Repository, path: string, hub: Hub): Promise<unknown> {
  const response = await hubFetch(of, hub, {})(fileAddress(hub, of, path));
  try {
    return await response.json();
  } catch {
    throw new UserError(`${nameOf(of)}: ${path} is not JSON; choose another revision`);
  }
}

/** What tells the hub who asks. */
export const credentials = ({ token }: Hub): Record<string, string> =>
  token ? { authorization: `Bearer ${token}` } : {};

function hubFetch(name: RepositoryName, hub: Hub, patience: Patience): typeof fetch {
  return async (input, init) => {
    const url = String(input);
    const { origin } = new URL(url);
    const own = origin === new URL(hub.endpoint).origin ? credentials(hub) : {};
    const headers = { ...(init?.headers as Record<string, string>), ...own };
    try {
      const response = await fetchPatiently(url, { ...init, headers }, { attempts: 3, ...patience });
      if (response.ok) return response;
      throw refusalOf(response, name, hub);
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
      throw new UserError(
        `${nameOf(name)}: ${origin} cannot be reached (${error.reason}): try again, or set HF_ENDPOINT to a mirror`,
      );
    }
  };
}

/** What an answer of the hub other than a file says. */
export function refusalOf({ status, headers }: Response, name: RepositoryName, hub: Hub): UserError {
  const { repository, revision } = name;
  const code = headers.get("x-error-code");
  if (code === "GatedRepo") return gatedError(repository, hub.token);
  if (code === "RevisionNotFound")
    return new UserError(`${repository} has no revision ${revision}: correct it, or leave @${revision} out`);
  if (code === "EntryNotFound") return new UserError(`${nameOf(name)} lacks a file that it lists: run again`);
  if (status === 401 && hub.token && code !== "RepoNotFound")
    return new UserError(
      `${repository}: the token in HF_TOKEN is not accepted: make a new one (${HUB_URL}/settings/tokens), or unset it`,
    );
  if (status === 401 || status === 404)
    return new UserError(
      `${hub.endpoint} has no repository ${repository}, or it is private: correct the name, set HF_TOKEN to a token that may read it, or name a folder that is there`,
    );
  const why = headers.get("x-error-message");
  return new UserError(
    `${nameOf(name)}: ${hub.endpoint} answers ${status}${why ? ` (${why})` : ""}: ` +
      (status === 403
        ? "set HF_TOKEN to a token that may read it"
        : "try again, or set HF_ENDPOINT to a mirror"),
  );
}

/** The licence of a repository must be accepted first, by the account whose token is given. */
export function gatedError(repository: string, token?: string): UserError {
  const accept = `accept its licence at ${HUB_URL}/${repository}`;
  return new UserError(
    token
      ? `${repository} is gated, and the account of HF_TOKEN may not read it yet: ${accept} and wait until that is granted`
      : `${repository} is gated: ${accept}, then set HF_TOKEN to a token of that account (${HUB_URL}/settings/tokens)`,
  );
}
