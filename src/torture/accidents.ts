/** What else befalls a run: full or read-only folders, clocks, a second run, want of memory. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Accident, cells, expected, met } from "./accident.js";
import { damage } from "./damage.js";
import { descendants, kill } from "./processes.js";
import { subjects, type Subject } from "./subjects.js";

/** A clock that is set back by an hour after so many milliseconds. */
const setBack = (after: number) => {
  const shim =
    `const now=Date.now,D=Date,at=performance.now()+${Math.round(after)};` +
    `const set=()=>now()-(performance.now()>at?36e5:0);` +
    `globalThis.Date=class extends D{constructor(...a){a.length?super(...a):super(set())}static now(){return set()}}`;
  return `--import=data:text/javascript,${encodeURIComponent(shim)}`;
};

/** A worker, the first to end an epoch, that keeps more than V8's heap holds. @param mark a file that is there afterwards */
const leaking = (mark: string) => {
  const shim =
    `import{openSync}from"node:fs";const send=process.send?.bind(process);` +
    `if(/worker.js$/.test(process.argv[1]))process.send=(message,...rest)=>{if(message.kind==="epoch"){` +
    `let first=true;try{openSync(${JSON.stringify(mark)},"wx")}catch{first=false}` +
    `if(first)for(const all=[];;)all.push(new Array(1e5).fill(all.length))}return send(message,...rest)}`;
  return `--max-old-space-size=150 --import=data:text/javascript,${encodeURIComponent(shim)}`;
};

/** Another user, who cannot write what root made. */
const NOBODY = 65534;
const notRoot = () => (process.getuid?.() === 0 ? undefined : "only root can run a command as another user");

/** Both of two that are started together end well, and one waits for the other. */
function twoAtOnce(name: string, subject: Subject, cells: (home: string) => string): Accident {
  return {
    name,
    subject,
    async happen({ home }) {
      rmSync(cells(home), { recursive: true });
      const both = [subject.start(home), subject.start(home)];
      const ends = await Promise.all(both.map(({ ended }) => ended));
      const waited = ends.filter(({ said }) => /waiting for it/.test(said)).length;
      return [
        ...ends.flatMap((end) => expected(end, 0, /best epoch/)),
        ...(waited === 1 ? [] : [`${waited} of two waited`]),
      ];
    },
  };
}

/** @throws Error where it cannot be mounted */
function mount(...args: string[]): void {
  const { status, stderr, error } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(stderr);
}

function noTmpfs(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "daam-mount-"));
  try {
    mount("-t", "tmpfs", "tmpfs", folder);
    spawnSync("umount", [folder]);
    return undefined;
  } catch {
    return "nothing may be mounted here";
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const accidents: Accident[] = [
  ...damage,
  {
    name: "a run folder that is read-only",
    subject: subjects.run,
    impossible: notRoot,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      return met(subjects.run, place, 1, /daam: cannot write .*permission is denied; .*\n$/, { uid: NOBODY });
    },
  },
  {
    name: "results that are read-only",
    subject: subjects.report,
    impossible: notRoot,
    happen: (place) =>
      met(subjects.report, place, 1, /daam: cannot write .*permission is denied; .*\n$/, { uid: NOBODY }),
  },
  {
    name: "a disk that is full",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      return met(subjects.run, place, 1, /daam: cannot write .*; .*\n$/, {
        fileBlocks: place.random.below(8),
      });
    },
  },
  {
    name: "a disk that is full while hidden states are made",
    subject: subjects.extraction,
    async happen(place) {
      rmSync(join(place.home, "data/cache"), { recursive: true });
      const fileBlocks = place.random.below(900);
      return met(subjects.extraction, place, 1, /daam: cannot write .*; .*\n$/, { fileBlocks });
    },
  },
  {
    name: "a small file system that is full",
    subject: subjects.run,
    impossible: () => notRoot() ?? noTmpfs(),
    async happen(place) {
      const folder = join(place.home, "runs/smoke");
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
      // in pages of 4 KB: none for a lock, up to enough for half of the cells
      mount("-t", "tmpfs", "-o", `size=${4 * (1 + place.random.below(8))}k`, "tmpfs", folder);
      try {
        const wrong = await met(subjects.run, place, 1, /daam: cannot write .*; .*\n$/);
        cpSync(folder, join(place.home, "left"), { recursive: true });
        return wrong;
      } finally {
        spawnSync("umount", [folder]);
        rmSync(folder, { recursive: true });
        if (existsSync(join(place.home, "left"))) renameSync(join(place.home, "left"), folder);
      }
    },
  },
  {
    name: "a clock that is set back",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      const env = { NODE_OPTIONS: setBack(place.random.uniform() * place.took) };
      return met(subjects.run, place, 0, /best epoch/, { env });
    },
  },
  twoAtOnce("two runs at once", subjects.run, cells),
  twoAtOnce("two make reproduce at once", subjects.reproduce, (home) => cells(join(home, "reproduced"))),
  {
    name: "a worker that the kernel ends for want of memory",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      const { process: child, ended } = subjects.run.start(place.home);
      let over = false;
      void ended.then(() => (over = true));
      // not before it trains: one that never began ends the run
      while (!over && !existsSync(cells(place.home))) await sleep(20);
      const [worker] = descendants(child.pid!);
      if (worker === undefined) return ["no worker was met"];
      kill(worker);
      return expected(await ended, 1, /1 cell was given up, the others are finished: text\/\S+ \(.*memory\)/);
    },
  },
  {
    name: "a worker whose heap is full",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      const env = { NODE_OPTIONS: leaking(join(place.home, "leaks")) };
      const says =
        /1 cell was given up, the others are finished: text\/\S+ \(.*JavaScript heap out of memory"?\);/;
      return met(subjects.run, place, 1, says, { env });
    },
  },
];
