import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guard } from "./files.js";

const beat = 2_000;
/** Milliseconds of silence, by the clock of who waits, after which a holder is gone. */
const patience = {
  elsewhere: 30_000,
  /** Even if its process number lives on in another; computing keeps a living one from its lock for a minute or two. */
  here: 600_000,
};

/** Held by one process at a time: it works in a folder, others wait. Clocks that differ or are set do not matter. */
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
    const lock = new Lock(path);
    if (process.env.DAAM_LOCK && read(path)?.text === process.env.DAAM_LOCK) return lock;
    let seen: (Held & { at: number }) | undefined;
    for (let told = false; !lock.take(); await sleep(told ? 300 : 20, undefined, { signal })) {
      const held = read(path);
      if (!held) continue;
      if (held.text !== seen?.text || held.touched !== seen.touched)
        seen = { ...held, at: performance.now() };
      const { pid, here, dead } = holderOf(held.text);
      if (dead || performance.now() - seen.at > silence[here ? "here" : "elsewhere"]) lock.discard(held.text);
      else if (held.text !== "" && !told) {
        waiting?.(pid);
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
    // another time at every touch, whatever the clock says
    this.touched = Math.max(this.touched + 1000, Date.now());
    try {
      utimesSync(this.path, new Date(this.touched), new Date(this.touched));
    } catch {
      // the folder went away: the next write says so
    }
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
