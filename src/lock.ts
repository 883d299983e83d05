import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guard } from "./files.js";

const beat = 2_000;
/** A holder on another host that has not touched its lock for so long is gone; computing keeps a living one from it for a minute or two. */
const stale = 180_000;
/** So is one here, even if its process number lives on in another. */
const staleHere = 600_000;

/** Held by one process at a time, of one host or of several that share the folder: others wait, or go on with something else. */
export class Lock {
  private timer?: NodeJS.Timeout;

  private constructor(readonly path: string) {}

  /**
   * Takes the lock, waiting while a living process holds it; a dead one's is taken over.
   * @param waiting called once with the holder's process number before waiting.
   * Where DAAM_LOCK names the holder, as it does in the notebooks that a run executes, the lock is the holder's to release.
   * @throws UserError where the folder cannot be written.
   */
  static async acquire(path: string, waiting?: (pid: number) => void, signal?: AbortSignal): Promise<Lock> {
    if (process.env.DAAM_LOCK && read(path)?.text === process.env.DAAM_LOCK) return new Lock(path);
    for (let told = false; ; await sleep(told ? 300 : 20, undefined, { signal })) {
      const lock = Lock.attempt(path);
      if (lock) return lock;
      const holder = read(path);
      if (!holder || told) continue;
      waiting?.(holder.pid);
      told = true;
    }
  }

  /**
   * Takes the lock unless a living process holds it.
   * @throws UserError where the folder cannot be written.
   */
  static attempt(path: string): Lock | undefined {
    const lock = new Lock(path);
    if (!lock.take()) {
      const holder = read(path);
      if (!holder || !isGone(path, holder)) return undefined;
      lock.discard(holder.text);
      if (!lock.take()) return undefined;
    }
    lock.timer = setInterval(() => lock.touch(), beat);
    lock.timer.unref();
    if (held.size === 0) process.once("exit", releaseAll);
    held.add(lock);
    return lock;
  }

  /** Lets the notebooks of this process and its children work under this lock. */
  lend(): void {
    process.env.DAAM_LOCK = own();
  }

  readonly release = (): void => {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = undefined;
    held.delete(this);
    if (held.size === 0) process.removeListener("exit", releaseAll);
    if (read(this.path)?.text === own()) rmSync(this.path, { force: true });
  };

  private take(): boolean {
    return guard(this.path, () => {
      // every time: a holder that wrote nothing removes the folder when it ends
      mkdirSync(dirname(this.path), { recursive: true });
      try {
        writeFileSync(this.path, own(), { flag: "wx" });
        return true;
      } catch (error) {
        if (["EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code!)) return false;
        // a full disk leaves an empty file
        if ((error as NodeJS.ErrnoException).code === "ENOSPC") rmSync(this.path, { force: true });
        throw error;
      }
    });
  }

  /** Puts a dead holder's lock aside; gives it back where another process was quicker and the lock is a living one's. */
  private discard(text: string): void {
    const aside = beside(this.path);
    try {
      renameSync(this.path, aside);
      const found = readFileSync(aside, "utf8");
      if (found !== text) writeFileSync(this.path, found, { flag: "wx" });
    } catch {
      // another process discarded it first
    } finally {
      rmSync(aside, { force: true });
    }
  }

  /** Writes the lock again as it is: so its time is the file system's, whatever clock this host goes by. */
  private touch(): void {
    try {
      if (read(this.path)?.text !== own()) return;
      const file = openSync(this.path, "r+");
      try {
        writeSync(file, own(), 0);
      } finally {
        closeSync(file);
      }
    } catch {
      // the folder went away: the next write says so
    }
  }
}

const held = new Set<Lock>();
const releaseAll = () => held.forEach((lock) => lock.release());

/** Removes a folder of locks that holds none. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // it is not there, or there is something in it
  }
}

/** Whether a living process holds this lock. */
export function isHeld(path: string): boolean {
  const holder = read(path);
  return holder !== undefined && !isGone(path, holder);
}

/** Host, process number and start: a later process with the same number is another holder. */
const started = Math.round(Date.now() - performance.now());
const own = () => `${hostname()} ${process.pid} ${started}`;
const beside = (path: string) => `${path}.${hostname()}.${process.pid}.part`;

interface Holder {
  text: string;
  pid: number;
  /** When it was last touched, by the clock of the file system. */
  time: number;
}

function read(path: string): Holder | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, pid: Number(text.split(" ")[1] ?? 0), time: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

/** What locks looked like when this process first saw them so, by a clock that nobody sets. */
const seen = new Map<string, { what: string; since: number }>();

function isGone(path: string, { text, pid, time }: Holder): boolean {
  const here = text.startsWith(`${hostname()} `);
  if (here && text !== own() && !alive(pid)) return true;
  const what = `${text} ${time}`;
  const now = performance.now();
  if (seen.get(path)?.what !== what) seen.set(path, { what, since: now });
  const limit = here ? staleHere : stale;
  return now - seen.get(path)!.since > limit || timeIn(path) - time > limit;
}

/** The time by the clock of the file system that a lock lies on: that of a file which is written now. */
function timeIn(path: string): number {
  const probe = beside(path);
  try {
    writeFileSync(probe, "");
    return statSync(probe).mtimeMs;
  } catch {
    return -Infinity;
  } finally {
    rmSync(probe, { force: true });
  }
}

function alive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
