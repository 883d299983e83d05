/** A Slurm of two nodes on this machine, for what is submitted to it. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repository } from "../folders.js";

const PROGRAMS = ["slurmctld", "slurmd", "sbatch", "munged"];

/** Why none can be started here. */
export function noSlurm(): string | undefined {
  const missing =
    process.getuid?.() === 0
      ? PROGRAMS.filter((program) => !installed(program)).map((name) => `no ${name}`)
      : ["not root"];
  if (!missing.length) return undefined;
  return `a Slurm cannot be started here: ${missing.join(", ")} (apt-get install slurm-wlm munge)`;
}

function installed(program: string): boolean {
  return [...process.env.PATH!.split(delimiter), "/usr/sbin"].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Starts it; what this process starts from now on finds it.
 * @param folder for it, a new one
 * @throws Error where its nodes do not come up
 */
export function startSlurm(folder: string): void {
  process.env.SLURM_CONF = join(folder, "slurm.conf");
  const port = 20_000 + 3 * (process.pid % 10_000);
  const script = join(repository, "scripts/slurm.sh");
  // its daemons would keep pipes open
  const { status } = spawnSync("sh", [script, folder, String(port)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`no Slurm came up in ${folder}`);
}

/** Ends it and what it runs; its folder may then be removed. */
export async function endSlurm(folder: string): Promise<void> {
  spawnSync("scancel", ["--user=root"]);
  const daemons = readdirSync(folder).filter((name) => name.endsWith(".pid"));
  const pids = daemons.map((name) => readFileSync(join(folder, name), "utf8").trim());
  spawnSync("scontrol", ["shutdown"]);
  // the controller writes its state at its end
  for (let i = 0; i < 200 && pids.some((pid) => existsSync(`/proc/${pid}`)); i++) await sleep(100);
  delete process.env.SLURM_CONF;
}

/** Waits until nothing is queued or running. @throws Error after minutes */
export async function emptyQueue(): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    const { status, stdout } = spawnSync("squeue", ["--noheader"], { encoding: "utf8" });
    if (status === 0 && stdout === "") return;
    await sleep(250);
  }
  throw new Error("jobs are queued after minutes");
}
