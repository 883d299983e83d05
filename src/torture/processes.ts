/** Processes that are started to be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** How a process ended. */
export interface Ended {
  /** Exit code; null where a signal ended it. */
  status: number | null;
  /** Everything that it wrote. */
  said: string;
}

export interface Started {
  process: ChildProcess;
  ended: Promise<Ended>;
}

export interface StartOptions {
  env?: Record<string, string>;
  /** Of another user, who may write less. */
  uid?: number;
  /** Largest file in blocks of 512 bytes, by `ulimit -f`. */
  fileBlocks?: number;
}

/** Variables of the user's own that would change what is run. */
const FOREIGN = /^(DAAM_|HF_|NODE_OPTIONS|NODE_TEST|PRESET$)/;

/** Starts a script of dist/. @param script such as "cli.js" */
export function start(script: string, args: readonly string[], options: StartOptions = {}): Started {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  const command = [process.execPath, fileURLToPath(new URL(`../${script}`, import.meta.url)), ...args];
  const { fileBlocks, uid } = options;
  const limited = fileBlocks === undefined ? command : ["/bin/sh", "-c", LIMIT, `${fileBlocks}`, ...command];
  const child = spawn(limited[0]!, limited.slice(1), {
    env: { ...Object.fromEntries(own), DAAM_BACKEND: "wasm", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  // pipes stay open while workers of a killed process live
  const ended = new Promise<Ended>((resolve) =>
    child.once("exit", (status) => setTimeout(() => resolve({ status, said }), 20)),
  );
  return { process: child, ended };
}

const LIMIT = 'ulimit -f "$0"; exec "$@"';

/** Process numbers of what a process started, and of what these did. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [, parent] = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      parents.set(Number(name), Number(parent));
    } catch {
      // it ended meanwhile
    }
  }
  return below(pid, parents);
}

function below(pid: number, parents: ReadonlyMap<number, number>): number[] {
  const children = [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
  return children.flatMap((child) => [child, ...below(child, parents)]);
}

/** kill -9; nothing where it is gone. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}
