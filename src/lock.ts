import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guard } from "./files.js";

const beat = 2_000;
/** Milliseconds of silence, by the clock of who waits, after which a holder is gone. */
export interface Silence {
  elsewhere: number;
  /** Even if its process number lives on in another. */
  here: number;
}

/** Computing keeps a living holder from its lock for a minute or two. */
const patience: Silence = { elsewhere: 180_000, here: 600_000 };

/** Held by one process at a time, of one host or of several that share the folder: others wait, or go on with something else. Clocks that differ or are set do not matter. */
export class Lock {
  private timer?: NodeJS.Timeout;
  private touched = 0;

  private constructor(readonly path: string) {}

  /**
   * Takes the lock, waiting while a living process holds it; a dead one's is taken over, at once where it is seen to be dead, else
   * when it has not been touched for a while.
   * @param waiting called once with the holder's process number before waiting.
   * @param silence milliseconds without a touch after which a holder is gone
   * Where DAAM_LOCK names the holder, as it does in the notebooks that a run executes, the lock is the holder's to release.
   * @throws UserError where the folder cannot be written.
   */
  static async acquire(
    path: string,
    waiting?: (pid: number) => void,
    signal?: AbortSignal,
    silence = patience,
  ): Promise<Lock> {
    if (process.env.DAAM_LOCK && read(path)?.text === process.env.DAAM_LOCK) return new Lock(path);
    for (let told = false; ; await sleep(told ? 300 : 20, undefined, { signal })) {
      const lock = Lock.attempt(path, silence);
      if (lock) return lock;
      const text = read(path)?.text;
      if (!text || told) continue;
      waiting?.(holderOf(text).pid);
      told = true;
    }
  }

  /**
   * Takes the lock unless a process holds it that lives, or that fell silent too short a time ago: this process must have looked before.
   * @throws UserError where the folder cannot be written.
   */
  static attempt(path: string, silence = patience): Lock | undefined {
    const lock = new Lock(path);
    if (!lock.take()) {
      const found = read(path);
      if (!found || !isGone(path, found, silence)) return undefined;
      lock.discard(found.text);
      if (!lock.take()) return undefined;
    }
    seen.delete(path);
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
    const aside = `${this.path}.${hostname()}.${process.pid}.part`;
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

  private touch(): void {
    // another time at every touch, whatever the clock says
    this.touched = Math.max(this.touched + 1000, Date.now());
    try {
      // one that was taken from this process is another's to touch
      if (read(this.path)?.text === own())
        utimesSync(this.path, new Date(this.touched), new Date(this.touched));
    } catch {
      // the folder went away: the next write says so
    }
  }
}

const held = new Set<Lock>();
const releaseAll = () => held.forEach((lock) => lock.release());

/** Whether a process holds this lock that is not known to be dead. */
export function isHeld(path: string, silence = patience): boolean {
  const found = read(path);
  return found !== undefined && !isGone(path, found, silence);
}

/** Removes a folder of locks that holds none. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // it is not there, or there is something in it
  }
}

/** Host, process number and start: a later process with the same number is another holder. */
const started = Math.round(Date.now() - performance.now());
const own = () => `${hostname()} ${process.pid} ${started}`;

interface Held {
  text: string;
  /** Another number at every touch. */
  touched: number;
}

function read(path: string): Held | undefined {
  try {
    return { text: readFileSync(path, "utf8"), touched: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

/** What locks looked like when this process first saw them so. */
const seen = new Map<string, Held & { at: number }>();

function isGone(path: string, found: Held, silence: Silence): boolean {
  const { here, dead } = holderOf(found.text);
  const before = seen.get(path);
  const since =
    before?.text === found.text && before.touched === found.touched ? before.at : performance.now();
  seen.set(path, { ...found, at: since });
  return dead || performance.now() - since > silence[here ? "here" : "elsewhere"];
}

/** Who wrote a lock; of an empty one, which is about to be written or was left by a full disk, nothing is known. */
function holderOf(text: string): { pid: number; here: boolean; dead: boolean } {
  const [host, pid] = text.split(" ");
  const here = host === hostname();
  return { pid: Number(pid), here, dead: here && text !== own() && !alive(Number(pid)) };
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
