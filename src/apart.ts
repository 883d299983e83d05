import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Stopped, UserError } from "./errors.js";

/** Set in a process that computes for its parent. */
const APART = "DAAM_APART";

/** Whether this process computes for the one that started it. */
export const isApart = () => process.env[APART] === "1";

/**
 * Ends this process when its parent is gone, within a second and whatever its main thread is in the middle of: a thread of its own
 * looks for the parent.
 */
export function endWithParent(): void {
  const watchdog = new URL("./watchdog.js", import.meta.url);
  new Worker(watchdog, { workerData: process.ppid, execArgv: [], stdin: false }).unref();
}

/**
 * Runs this program with other arguments in a process of its own: its memory is free afterwards, and it hears signals as the system
 * delivers them, where a main thread that computes would not. It ends with this one.
 * @throws `stopped` where `signal` or a signal to that process ended it; UserError where it ended for want of memory
 * @returns its exit code; what was wrong it has said itself
 */
export async function runApart(
  args: readonly string[],
  stopped: Stopped,
  signal?: AbortSignal,
): Promise<number> {
  if (signal?.aborted) throw stopped;
  const cli = fileURLToPath(new URL("./cli.js", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [cli, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [APART]: "1" },
  });
  const end = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", end);
  try {
    const [code, by] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    if (code !== null && code !== 130) return code;
    if (signal?.aborted || code === 130 || by === "SIGINT" || by === "SIGTERM" || by === "SIGHUP")
      throw stopped;
    throw new UserError(
      `the process that computed was ended (${by}), perhaps for want of memory; what is finished is kept: run again with more memory`,
    );
  } finally {
    signal?.removeEventListener("abort", end);
  }
}
