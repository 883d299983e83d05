import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { getHFHubCachePath, HUB_URL } from "@huggingface/hub";
import { UserError } from "../errors.js";

/** The model hub as the environment has it, by the variables that its clients in every language read. */
export interface Hub {
  /** `HF_ENDPOINT`: the hub's address or a mirror's. */
  endpoint: string;
  /** `HF_HUB_CACHE`, or below `HF_HOME`: the folder that all clients on this machine share. */
  cache: string;
  /** `HF_TOKEN`, or what `hf auth login` left. */
  token?: string;
  /** `HF_HUB_OFFLINE`: nothing is fetched. */
  offline: boolean;
}

/** @throws UserError where HF_ENDPOINT is no address. */
export function hubOfEnvironment(env: NodeJS.ProcessEnv = process.env): Hub {
  const endpoint = (env.HF_ENDPOINT || HUB_URL).replace(/\/+$/, "");
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    throw new UserError(`HF_ENDPOINT is ${endpoint}, which is not an address; correct it or unset it`);
  const token = env.HF_TOKEN?.trim() || env.HUGGING_FACE_HUB_TOKEN?.trim() || savedToken(env);
  const offline = /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? "");
  return { endpoint, cache: getHFHubCachePath(), offline, ...(token && { token }) };
}

function savedToken(env: NodeJS.ProcessEnv): string | undefined {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env.HF_TOKEN_PATH ?? join(home, "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

/** A repository of the hub at a branch, a tag or a commit. */
export interface RepositoryName {
  /** `organisation/name`. */
  repository: string;
  revision: string;
}

/** Reads `organisation/name[@revision]`; undefined for any other text, such as a path. */
export function repositoryName(text: string): RepositoryName | undefined {
  const part = "[A-Za-z0-9][\\w.-]*";
  const [, repository, revision = "main"] =
    new RegExp(`^(${part}/${part})(?:@(${part}(?:/${part})*))?$`).exec(text) ?? [];
  return repository === undefined || text.includes("..") ? undefined : { repository, revision };
}

/** As {@link repositoryName} reads it. */
export const nameOf = ({ repository, revision }: RepositoryName) =>
  revision === "main" ? repository : `${repository}@${revision}`;
