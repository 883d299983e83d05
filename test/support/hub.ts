/** A hub on the loopback address that answers as the real one does: repository info, listing in pages, files by redirect from another host. */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface FakeRepository {
  files: Record<string, Buffer | string>;
  /** Only this token may read it; others may see what it lists. */
  gated?: string;
}

export interface Seen {
  method: string;
  path: string;
  range?: string;
  authorization?: string;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** Files of at least so many bytes are stored as LFS has them, by SHA-256. */
const LARGE = 2_000;
const PAGE = 3;

const sha = (algorithm: string, ...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash(algorithm)).digest("hex");
const gitSha1 = (bytes: Buffer) => sha("sha1", `blob ${bytes.length}\0`, bytes);
export const etagOf = (bytes: Buffer) => (bytes.length >= LARGE ? sha("sha256", bytes) : gitSha1(bytes));

/** The files of a folder, as a repository. */
export const folderFiles = (folder: string): Record<string, Buffer> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));

/** Milliseconds until a connection is cut: what it brought and nobody has read by then is lost. */
export const beforeCut = 250;

/** A cut of the connection after so many bytes of the body. */
export const cutAfter =
  (bytes: Buffer, count: number): Behaviour =>
  (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, count), () => setTimeout(() => response.destroy(), beforeCut));
  };
export const answer =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (_, response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end('{"error":"so"}');

export class FakeHub {
  readonly seen: Seen[] = [];
  /** What is sent for the next requests of a path that ends so, on either host, in place of the right answer. */
  private readonly odd = new Map<string, Behaviour[]>();
  private constructor(
    readonly repositories: Record<string, FakeRepository>,
    private readonly hub: Server,
    private readonly cdn: Server,
  ) {}

  static async start(repositories: Record<string, FakeRepository>): Promise<FakeHub> {
    const fake: FakeHub = new FakeHub(
      repositories,
      createServer((request, response) => fake.handle(request, response, () => fake.api(request, response))),
      createServer((request, response) => fake.handle(request, response, () => fake.blob(request, response))),
    );
    for (const server of [fake.hub, fake.cdn])
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return fake;
  }

  get endpoint(): string {
    return addressOf(this.hub);
  }

  stop(): void {
    for (const server of [this.hub, this.cdn]) {
      server.closeAllConnections();
      server.close();
    }
  }

  commit(repository: string): string {
    const { files } = this.repositories[repository]!;
    return sha("sha1", ...Object.entries(files).flat());
  }

  bytes(repository: string, path: string): Buffer {
    return Buffer.from(this.repositories[repository]!.files[path]!);
  }

  next(ending: string, ...behaviours: Behaviour[]): void {
    this.odd.set(ending, behaviours);
  }

  /** Ends of the paths whose bytes were asked for. */
  get fetched(): string[] {
    return this.seen
      .filter(({ path }) => path.includes("/resolve/"))
      .map(({ path }) => path.split("/").at(-1)!);
  }

  private handle(request: IncomingMessage, response: ServerResponse, right: () => void): void {
    const { method = "", url = "", headers } = request;
    const path = decodeURIComponent(url.split("?")[0]!);
    const { range, authorization } = headers;
    this.seen.push({ method, path, ...(range && { range }), ...(authorization && { authorization }) });
    const [ending] = [...this.odd].find(([ending, list]) => path.endsWith(ending) && list.length) ?? [];
    if (ending === undefined) right();
    else this.odd.get(ending)!.shift()!(request, response);
  }

  private api(
    { url = "", headers: { authorization, range } }: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { pathname, searchParams } = new URL(url, this.endpoint);
    const [, api, name, what = "resolve", revision = "main", file] =
      /^\/(api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)\/?(.*)$/.exec(pathname) ?? [];
    const refuse = (status: number, code: string) =>
      response
        .writeHead(status, {
          "x-error-code": code,
          "x-error-message": code,
          "content-type": "application/json",
        })
        .end(JSON.stringify({ error: code }));
    const repository = this.repositories[name ?? ""];
    if (!repository) return void refuse(authorization ? 404 : 401, "RepoNotFound");
    const commit = this.commit(name!);
    if (!["main", "HEAD", commit].includes(decodeURIComponent(revision)))
      return void refuse(404, "RevisionNotFound");
    const json = (value: unknown, headers = {}) =>
      void response
        .writeHead(200, { "content-type": "application/json", ...headers })
        .end(JSON.stringify(value));
    const gated = repository.gated !== undefined && "manual";
    if (api && what === "revision")
      return json({ _id: "1", id: name, private: false, gated, downloads: 0, likes: 0, sha: commit });
    if (api && what === "tree") {
      const names = Object.keys(repository.files).sort();
      const from = Number(searchParams.get("cursor") ?? 0);
      const next = `<${this.endpoint}${pathname}?cursor=${from + PAGE}>; rel="next"`;
      const listed = names.slice(from, from + PAGE).map((path) => this.entry(name!, path));
      return json(listed, from + PAGE < names.length ? { link: next } : {});
    }
    if (gated && authorization !== `Bearer ${repository.gated}`)
      return void refuse(authorization ? 403 : 401, "GatedRepo");
    if (repository.files[file!] === undefined) return void refuse(404, "EntryNotFound");
    const bytes = this.bytes(name!, file!);
    const about = { "x-repo-commit": commit, etag: `"${gitSha1(bytes)}"` };
    if (bytes.length < LARGE) return sendRange(bytes, range, response, about);
    const location = `${addressOf(this.cdn)}/cdn/${name}/${file}`;
    const linked = { "x-linked-etag": `"${etagOf(bytes)}"`, "x-linked-size": String(bytes.length) };
    response.writeHead(302, { location, ...about, ...linked, "content-length": 0 }).end();
  }

  private blob({ url = "", headers: { range } }: IncomingMessage, response: ServerResponse): void {
    const [, name, file] = /^\/cdn\/([^/]+\/[^/]+)\/(.*)$/.exec(url)!;
    sendRange(this.bytes(name!, file!), range, response, {});
  }

  private entry(repository: string, path: string) {
    const bytes = this.bytes(repository, path);
    if (bytes.length < LARGE) return { type: "file", path, size: bytes.length, oid: gitSha1(bytes) };
    const lfs = { oid: etagOf(bytes), size: bytes.length, pointerSize: 134 };
    return { type: "file", path, size: bytes.length, oid: sha("sha1", path), lfs };
  }
}

const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

export function sendRange(
  bytes: Buffer,
  range: string | undefined,
  response: ServerResponse,
  headers: Record<string, string>,
): void {
  const [, first, last] = /bytes=(\d+)-(\d*)/.exec(range ?? "") ?? [];
  const from = Number(first ?? 0);
  const to = last ? Number(last) + 1 : bytes.length;
  const body = bytes.subarray(from, to);
  const head = { ...headers, "content-length": String(body.length) };
  if (range) response.writeHead(206, { ...head, "content-range": `bytes ${from}-${to - 1}/${bytes.length}` });
  else response.writeHead(200, head);
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** Points this process at a hub and an empty cache; returns what puts the environment back. */
export function useHub(endpoint: string, home: string): () => void {
  const names = [
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_TOKEN",
    "HF_HUB_OFFLINE",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
  ];
  names.push("HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "DAAM_ENCODERS");
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, { HF_ENDPOINT: endpoint, HF_HOME: home });
  return () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  };
}
