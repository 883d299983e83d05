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
import { UserError } from "../errors.js";
import { Lock } from "../lock.js";

export interface DownloadOptions {
  /** What the file must be. */
  bytes?: number;
  md5?: string;
  /** Bytes so far and in all, where the server says. */
  progress?: (received: number, total: number | undefined) => void;
  /** Connections, each going on where the last was cut. */
  attempts?: number;
  /** Milliseconds before the second attempt; doubled before each further one. */
  pause?: number;
  /** Milliseconds without a byte after which a connection counts as cut. */
  stall?: number;
}

/** Worth another attempt: the connection, not the file, failed. */
class Cut extends Error {}

/**
 * Fetches `url` to `target`, through `target.part`, which a later call goes on with; a file that is there is kept. A second process waits
 * for the first.
 * @throws UserError when the server refuses or the size or checksum is wrong (the part is then removed).
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<void> {
  const part = `${target}.part`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    accessSync(dirname(target), constants.W_OK);
  } catch (error) {
    throw explained(error as Error, part);
  }
  const lock = await Lock.acquire(`${target}.lock`, (pid) =>
    console.error(`${basename(target)}: another process (${pid}) is fetching it: waiting`),
  );
  try {
    if (!statSync(target, { throwIfNoEntry: false })?.isFile()) await fetchWhole(url, target, options);
  } finally {
    lock.release();
  }
}

async function fetchWhole(url: string, target: string, options: DownloadOptions): Promise<void> {
  const { attempts = 5, pause = 1_000 } = options;
  const part = `${target}.part`;
  for (let attempt = 1; ; attempt++) {
    try {
      if (options.bytes === undefined || sizeOf(part) !== options.bytes) await fetchRest(url, part, options);
      break;
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      if (attempt === attempts)
        throw new UserError(
          `${url}: cut off ${attempts} times (${error.message}); run again` +
            (sizeOf(part) ? `: it goes on with ${part}` : ""),
        );
      await sleep(pause * 2 ** (attempt - 1));
    }
  }
  await verify(url, part, options);
  renameSync(part, target);
}

async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { stall = 30_000, progress } = options;
  if (options.bytes !== undefined && sizeOf(part) > options.bytes) rmSync(part);
  let have = sizeOf(part);
  const watch = new Watch(stall);
  try {
    const response = await watch.fetch(url, {
      "accept-encoding": "identity",
      ...(have && { range: `bytes=${have}-` }),
    });
    if (response.status === 416) {
      // a part that was complete before it was renamed
      if (rangeSize(response) === have) return;
      throw restart(part, "the server has fewer bytes than were kept");
    }
    if (!response.ok || !response.body) throw refusal(url, response.status);
    const partial = response.status === 206;
    if (partial && rangeStart(response) !== have) throw restart(part, "the server went on at another byte");
    if (!partial) have = 0;
    const length = Number(response.headers.get("content-length") ?? NaN);
    const total = Number.isFinite(length) ? have + length : options.bytes;
    if (options.bytes !== undefined && total !== options.bytes)
      throw new UserError(
        `${url}: the server offers ${total} bytes, the official file has ${options.bytes}; name a mirror in DAAM_MIRROR`,
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
  private timer?: NodeJS.Timeout;

  constructor(private readonly stall: number) {}

  fetch(url: string, headers: Record<string, string>): Promise<Response> {
    this.alive();
    return fetch(url, { headers, signal: this.controller.signal });
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
function refusal(url: string, status: number): Error {
  if (status === 408 || status === 429 || status >= 500) return new Cut(`status ${status}`);
  return new UserError(
    `${url}: the server answers ${status}; name a mirror in DAAM_MIRROR or fetch the file yourself`,
  );
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

async function verify(url: string, part: string, { bytes, md5 }: DownloadOptions): Promise<void> {
  const wrong = (what: string) => {
    rmSync(part, { force: true });
    return new UserError(`${url}: ${what}; it was removed: run again, or fetch it yourself and put it there`);
  };
  const size = sizeOf(part);
  if (bytes !== undefined && size !== bytes)
    throw wrong(`${size} bytes came, the official file has ${bytes}`);
  const sum = md5 && (await md5Of(part));
  if (sum !== md5) throw wrong(`its md5 is ${sum}, the official file's ${md5}`);
}

export async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
