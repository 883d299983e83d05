import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  createReadStream,
  createWriteStream,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Stopped, UserError } from "./errors.js";
import { Lock } from "./lock.js";
import { duration } from "./terminal.js";

/** How often a server is asked, and how long it is waited for. */
export interface Patience {
  /** Connections without a further byte, each going on where the last was cut. */
  attempts?: number;
  /** Milliseconds before the second attempt; doubled before each further one. A server that says how long to wait is obeyed. */
  pause?: number;
  /** Milliseconds without a byte after which a connection counts as cut. */
  stall?: number;
  /** Ends the connection and the waiting. */
  signal?: AbortSignal;
}

export interface DownloadOptions extends Patience {
  /** What the file must be: bytes, and checksums in hexadecimal. */
  bytes?: number;
  md5?: string;
  sha256?: string;
  /** SHA-1 as git names a blob by. */
  gitSha1?: string;
  /** Sent to the address; not to another host that it redirects to. */
  headers?: Record<string, string>;
  /** What is added to the target's name while it is fetched. */
  ending?: string;
  /** What else the user can do when the server does not give the file. */
  remedy?: string;
  /** What an answer says that is neither the file nor a passing fault. */
  refused?: (response: Response) => UserError;
  /** Bytes so far and in all, where the server says. */
  progress?: (received: number, total: number | undefined) => void;
}

/** Every attempt failed. */
export class GaveUp extends UserError {
  constructor(
    message: string,
    /** Why the last one did. */
    readonly reason: string,
  ) {
    super(message);
  }
}

/** Of a server that asks to wait longer, the user is told. */
const LONGEST_WAIT = 300_000;

/** Worth another attempt: the connection, not the file, failed. */
class Cut extends Error {
  constructor(
    message: string,
    /** Milliseconds that the server asks to wait. */
    readonly wait = 0,
  ) {
    super(message);
  }
}

const remedyOf = ({ remedy = "name a mirror in DAAM_MIRROR, or fetch the file yourself" }: DownloadOptions) =>
  remedy;
const partOf = (target: string, { ending = ".part" }: DownloadOptions) => `${target}${ending}`;

/**
 * Fetches `url` to `target`, through `target.part`, which a later call goes on with; a file that is there is kept. A second process waits
 * for the first.
 * @throws UserError when the server refuses or the size or a checksum is wrong (the part is then removed); Stopped after the signal.
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<void> {
  const part = partOf(target, options);
  try {
    mkdirSync(dirname(target), { recursive: true });
    accessSync(dirname(target), constants.W_OK);
  } catch (error) {
    throw explained(error as Error, part);
  }
  const waiting = (pid: number) =>
    console.error(`${basename(target)}: another process (${pid}) is fetching it: waiting`);
  const lock = await Lock.acquire(`${target}.lock`, waiting, options.signal).catch((error: Error) => {
    throw options.signal?.aborted ? new Stopped(KEPT) : error;
  });
  try {
    if (!statSync(target, { throwIfNoEntry: false })?.isFile()) await fetchWhole(url, target, options);
  } finally {
    lock.release();
  }
}

async function fetchWhole(url: string, target: string, options: DownloadOptions): Promise<void> {
  const part = partOf(target, options);
  await patiently(url, options, () => fetchRest(url, part, options), part);
  await verify(url, part, options);
  renameSync(part, target);
}

/**
 * Does something with a server, again where a connection fails or the server asks for patience.
 * @param part the file that grows, which the next run goes on with
 * @throws UserError after the last attempt, or where the server asks to wait too long; Stopped after the signal
 */
async function patiently<T>(
  url: string,
  { attempts = 5, pause = 1_000, signal }: Patience,
  attempt: () => Promise<T>,
  part = "",
): Promise<T> {
  const rest = () => (sizeOf(part) ? `: it goes on with ${part}` : "");
  for (let done = 1; ; done++) {
    const before = sizeOf(part);
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted) throw new Stopped(KEPT);
      if (!(error instanceof Cut)) throw error;
      if (sizeOf(part) > before) done = 1;
      const wait = Math.max(error.wait, pause * 2 ** (done - 1));
      if (wait > LONGEST_WAIT)
        throw new GaveUp(
          `${url}: ${error.message}; run again in ${duration(wait / 1_000)}${rest()}`,
          `${error.message}, to wait ${duration(wait / 1_000)}`,
        );
      if (done === attempts)
        throw new GaveUp(
          `${url}: cut off ${attempts} times (${error.message}); run again${rest()}`,
          error.message,
        );
      if (error.wait) console.error(`${url}: ${error.message}: waiting ${duration(wait / 1_000)}`);
      await sleep(wait, undefined, { signal }).catch(() => {
        throw new Stopped(KEPT);
      });
    }
  }
}

const KEPT = "what was fetched is kept, the same command goes on with the rest";

/**
 * `fetch` with patience, for answers of a few kilobytes.
 * @returns the first answer that is no passing fault, whatever its status
 * @throws UserError as {@link download} does where there is none
 */
export function fetchPatiently(
  url: string,
  init: RequestInit = {},
  options: Patience = {},
): Promise<Response> {
  return patiently(url.split("?")[0]!, options, async () => {
    const watch = new Watch(options);
    try {
      const response = await watch.fetch(url, init);
      const body = await response.arrayBuffer();
      const cut = passing(response);
      if (cut) throw cut;
      const { status, statusText, headers } = response;
      return new Response([204, 304].includes(status) ? null : body, { status, statusText, headers });
    } catch (error) {
      throw error instanceof Cut ? error : explained(error as Error, url);
    } finally {
      watch.stop();
    }
  });
}

async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { progress, headers } = options;
  if (options.bytes !== undefined && sizeOf(part) > options.bytes) rmSync(part);
  let have = sizeOf(part);
  if (have > 0 && have === options.bytes) return;
  const watch = new Watch(options);
  try {
    const response = await watch.fetch(url, {
      headers: { ...headers, "accept-encoding": "identity", ...(have && { range: `bytes=${have}-` }) },
    });
    if (response.status === 416) {
      // a part that was complete before it was renamed
      if (rangeSize(response) === have) return;
      throw restart(part, "the server has fewer bytes than were kept");
    }
    if (!response.ok || !response.body) throw refusal(url, response, options);
    const partial = response.status === 206;
    if (partial && rangeStart(response) !== have) throw restart(part, "the server went on at another byte");
    if (!partial) have = 0;
    const length = Number(response.headers.get("content-length") ?? NaN);
    const total = Number.isFinite(length) ? have + length : options.bytes;
    if (options.bytes !== undefined && total !== options.bytes)
      throw new UserError(
        `${url}: the server offers ${total} bytes, the official file has ${options.bytes}; ${remedyOf(options)}`,
      );
    let received = have;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        watch.alive();
        progress?.(received, total);
        done(
          total !== undefined && received > total ? new Cut(`more than ${total} bytes came`) : null,
          chunk,
        );
      },
    });
    const body = Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
    await pipeline(body, count, createWriteStream(part, { flags: have ? "a" : "w" }));
    if (total !== undefined && received < total) throw new Cut(`${received} of ${total} bytes came`);
  } catch (error) {
    throw explained(error as Error, part);
  } finally {
    watch.stop();
  }
}

/** Ends a connection that is silent for too long. */
class Watch {
  private readonly controller = new AbortController();
  private readonly stall: number;
  private readonly signals: AbortSignal[];
  private timer?: NodeJS.Timeout;

  constructor({ stall = 30_000, signal }: Patience) {
    this.stall = stall;
    this.signals = [this.controller.signal, ...(signal ? [signal] : [])];
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    this.alive();
    return fetch(url, { ...init, signal: AbortSignal.any(this.signals) });
  }

  alive(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.controller.abort(new Cut(`silent for ${this.stall / 1_000} s`)),
      this.stall,
    );
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** First byte of a partial answer: `Content-Range: bytes 100-199/200`. */
function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
}

// "bytes", an asterisk for the range, and the size of the whole file
function rangeSize(response: Response): number {
  return Number(/^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
}

function restart(part: string, why: string): Cut {
  rmSync(part, { force: true });
  return new Cut(why);
}

/** Answers that say nothing about the file: the time-out, too many requests, and every fault of the server. */
function passing({ status, headers }: Response): Cut | undefined {
  if (status !== 408 && status !== 429 && status < 500) return undefined;
  const after = headers.get("retry-after") ?? "";
  const wait = /^\d+$/.test(after) ? 1_000 * Number(after) : Date.parse(after) - Date.now();
  return new Cut(`status ${status}`, Math.max(0, wait || 0));
}

function refusal(url: string, response: Response, options: DownloadOptions): Error {
  const told = () =>
    options.refused?.(response) ??
    new UserError(`${url}: the server answers ${response.status}; ${remedyOf(options)}`);
  return passing(response) ?? told();
}

function explained(error: Error, part: string): Error {
  if (error instanceof UserError || error instanceof Cut) return error;
  const { code, syscall = "" } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC")
    return new UserError(`${part}: the disk is full; make room and run again to go on with it`);
  if (["mkdir", "access", "open", "write", "close"].includes(syscall))
    return new UserError(`${part}: cannot be written (${code}); check its folder`);
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return new Cut(cause?.code ?? cause?.message ?? error.message);
}

async function verify(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { bytes, md5, sha256, gitSha1 } = options;
  const wrong = (what: string) => {
    rmSync(part, { force: true });
    return new UserError(`${url}: ${what}; it was removed: run again, or fetch it yourself and put it there`);
  };
  const size = sizeOf(part);
  if (bytes !== undefined && size !== bytes)
    throw wrong(`${size} bytes came, the official file has ${bytes}`);
  for (const [name, algorithm, official, before] of [
    ["md5", "md5", md5],
    ["SHA-256", "sha256", sha256],
    ["git SHA-1", "sha1", gitSha1, `blob ${size}\0`],
  ] as const) {
    const sum = official && (await hashOf(part, algorithm, before));
    if (sum !== official) throw wrong(`its ${name} is ${sum}, the official file's ${official}`);
  }
}

export const md5Of = (path: string): Promise<string> => hashOf(path, "md5");

async function hashOf(path: string, algorithm: string, before = ""): Promise<string> {
  const hash = createHash(algorithm).update(before);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
