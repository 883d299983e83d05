import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guard } from "./files.js";

const beat = 2_000;
/** A holder elsewhere that has not touched its lock for so long is gone. */
const stale = 30_000;
/** So is one here, even if its process number lives on in another; computing keeps a living one from its lock for a minute or two. */
const staleHere = 600_000;

/** Held by one process at a time: it works in a folder, others wait. */
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
    const lock = new Lock(path);
    if (process.env.DAAM_LOCK && read(path)?.text === process.env.DAAM_LOCK) return lock;
    for (let told = false; !lock.take(); await sleep(told ? 300 : 20, undefined, { signal })) {
      const holder = read(path);
      if (holder?.gone) lock.discard(holder.text);
      else if (holder && !told) {
        waiting?.(holder.pid);
        told = true;
      }
    }
    lock.timer = setInterval(() => lock.touch(), beat);
    lock.timer.unref();
    process.once("exit", lock.release);
    return lock;
  }

  /** Lets the notebooks of this process and its children work under this lock. */
  lend(): void {
    process.env.DAAM_LOCK = own();
  }

  readonly release = (): void => {
    if (!this.timer) return;
    clearInterval(this.timer);
    process.removeListener("exit", this.release);
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
    const aside = `${this.path}.${process.pid}.part`;
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
    try {
      utimesSync(this.path, new Date(), new Date());
    } catch {
      // the folder went away: the next write says so
    }
  }
}

/** Host, process number and start: a later process with the same number is another holder. */
const started = Math.round(Date.now() - performance.now());
const own = () => `${hostname()} ${process.pid} ${started}`;

function read(path: string): { text: string; pid: number; gone: boolean } | undefined {
  try {
    const text = readFileSync(path, "utf8");
    const silence = Date.now() - statSync(path).mtimeMs;
    if (text === "") return silence > stale ? { text, pid: 0, gone: true } : undefined;
    const [host, pid] = text.split(" ");
    const here = host === hostname();
    const dead = here && text !== own() && !alive(Number(pid));
    return { text, pid: Number(pid), gone: dead || silence > (here ? staleHere : stale) };
  } catch {
    return undefined;
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
