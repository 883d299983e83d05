/** What else befalls a run: damaged files, full or read-only folders, clocks, a second run, want of memory. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.js";
import { descendants, kill, type Ended, type StartOptions } from "./processes.js";
import { filesIn, subjects, type Subject } from "./subjects.js";

/** A place for an accident: a home in which everything had ended. */
export interface Place {
  home: string;
  random: Random;
  /** Milliseconds that the subject took undisturbed. */
  took: number;
}

export interface Accident {
  name: string;
  /** Whose outcome must be as undisturbed in the end. */
  subject: Subject;
  /** Why it cannot happen here. */
  impossible?: () => string | undefined;
  /** Lets it happen; returns what was wrong about how it was met. What is left to do is continued by the caller. */
  happen(place: Place): Promise<string[]>;
}

/** Runs the subject once more: it must end so, and say what matches. */
async function met(
  subject: Subject,
  { home }: Place,
  status: 0 | 1,
  says: RegExp,
  options?: StartOptions,
  more?: readonly string[],
): Promise<string[]> {
  const ended = await subject.start(home, options, more).ended;
  return expected(ended, status, says);
}

function expected(ended: Ended, status: 0 | 1, says: RegExp): string[] {
  if (ended.status === status && says.test(ended.said)) return [];
  return [`ended with ${ended.status}, not ${status} and ${says}: ${ended.said.slice(-600)}`];
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.below(list.length)]!;

/** Flips a bit between two shares of a file's length. */
function flip(path: string, random: Random, from = 0, to = 1): void {
  const bytes = readFileSync(path);
  const at = Math.floor((from + random.uniform() * (to - from)) * (bytes.length - 1));
  bytes[at]! ^= 1 << random.below(8);
  writeFileSync(path, bytes);
}

/** Cuts a file off somewhere. */
function cutOff(path: string, random: Random): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, random.below(bytes.length - 1)));
}

function someFile(folder: string, names: RegExp, random: Random): string {
  return join(
    folder,
    pick(
      filesIn(folder).filter((name) => names.test(name)),
      random,
    ),
  );
}

const quoted = (path: string) => basename(path).replaceAll(".", "\\.");

type Harm = (path: string, random: Random) => void;

function damagedCell(name: string, harm: Harm): Accident {
  return {
    name,
    subject: subjects.run,
    async happen(place) {
      const path = someFile(join(place.home, "runs/smoke/cells"), /\.json$/, place.random);
      harm(path, place.random);
      return met(
        subjects.run,
        place,
        0,
        new RegExp(`${quoted(path)} is damaged .*: the cell is trained again`),
      );
    },
  };
}

function damagedFeatures(name: string, file: RegExp, harm: Harm): Accident {
  return {
    name,
    subject: subjects.extraction,
    async happen(place) {
      const path = someFile(join(place.home, "data/cache"), file, place.random);
      harm(path, place.random);
      return met(subjects.extraction, place, 0, /features\.safetensors is damaged \(.*made again/);
    },
  };
}

const cells = (home: string) => join(home, "runs/smoke/cells");

/** Ends a run with kill -9, its workers too, as soon as there is a checkpoint; none where it was too quick. */
async function checkpointOf(home: string): Promise<string | undefined> {
  const folder = join(home, "runs/smoke/checkpoints");
  for (let attempt = 0; attempt < 8; attempt++) {
    rmSync(cells(home), { recursive: true, force: true });
    const { process: child, ended } = subjects.run.start(home);
    let over = false;
    void ended.then(() => (over = true));
    while (!over && !filesIn(folder).some((name) => name.endsWith(".safetensors"))) await sleep(5);
    for (const pid of [child.pid!, ...descendants(child.pid!)]) kill(pid);
    await ended;
    const [found] = filesIn(folder).filter((name) => name.endsWith(".safetensors"));
    if (found !== undefined) return join(folder, found);
  }
  return undefined;
}

/** A clock that is set back by an hour after so many milliseconds. */
const setBack = (after: number) => {
  const shim =
    `const now=Date.now,D=Date,at=performance.now()+${Math.round(after)};` +
    `const set=()=>now()-(performance.now()>at?36e5:0);` +
    `globalThis.Date=class extends D{constructor(...a){a.length?super(...a):super(set())}static now(){return set()}}`;
  return `--import=data:text/javascript,${encodeURIComponent(shim)}`;
};

/** Another user, who cannot write what root made. */
const NOBODY = 65534;
const notRoot = () => (process.getuid?.() === 0 ? undefined : "only root can run a command as another user");

export const accidents: Accident[] = [
  damagedCell("a cell with a flipped bit", flip),
  damagedFeatures("hidden states with a flipped bit", /llama-mini.*features\.safetensors$/, (path, random) =>
    flip(path, random, 0.1, 0.9),
  ),
  damagedCell("a cell that was cut off", cutOff),
  damagedFeatures("hidden states that were cut off", /llama-mini.*features\.safetensors$/, cutOff),
  damagedFeatures("a list of items that was cut off", /llama-mini.*items\.jsonl$/, cutOff),
  {
    name: "a damaged half-way file",
    subject: subjects.extraction,
    async happen(place) {
      const finished = someFile(
        join(place.home, "data/cache"),
        /llama-mini.*features\.safetensors$/,
        place.random,
      );
      rmSync(finished);
      rmSync(join(finished, "../items.jsonl"));
      writeFileSync(join(finished, "../halfway.safetensors"), Buffer.alloc(5000, 7));
      return met(subjects.extraction, place, 0, /halfway\.safetensors .*; its items are begun again/);
    },
  },
  {
    name: "a damaged checkpoint",
    subject: subjects.run,
    async happen(place) {
      const path = await checkpointOf(place.home);
      if (!path) return ["no checkpoint was met in eight runs"];
      flip(path, place.random);
      return met(subjects.run, place, 0, /checkpoints\/.*: text\/.* is trained from its start/);
    },
  },
  {
    name: "a damaged published row",
    subject: subjects.run,
    async happen(place) {
      const path = someFile(join(place.home, "results/smoke/cells"), /\.gz$/, place.random);
      const bytes = readFileSync(path);
      cutOff(path, place.random);
      rmSync(cells(place.home), { recursive: true });
      const wrong = await met(subjects.run, place, 1, /\.jsonl\.gz .*: restore it \(git checkout/);
      writeFileSync(path, bytes);
      return wrong;
    },
  },
  {
    name: "a damaged adapter",
    subject: subjects.fineTuning,
    async happen(place) {
      const folder = join(place.home, "runs/paper");
      flip(someFile(join(folder, "adapters"), /\.safetensors$/, place.random), place.random);
      const save = ["--save-adapters", join(place.home, "saved")];
      const remedy = /the adapter of \S+ is not in \S+, or it is damaged there: delete (\S+) and run again/;
      const { status, said } = await subjects.fineTuning.start(place.home, {}, save).ended;
      const [, cell] = remedy.exec(said) ?? [];
      if (status !== 1 || cell === undefined) return [`is not named: ${said.slice(-600)}`];
      rmSync(cell);
      return met(subjects.fineTuning, place, 0, /adapters: /, {}, save);
    },
  },
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
    name: "a clock that is set back",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      const env = { NODE_OPTIONS: setBack(place.random.uniform() * place.took) };
      return met(subjects.run, place, 0, /best epoch/, { env });
    },
  },
  {
    name: "two runs at once",
    subject: subjects.run,
    async happen(place) {
      rmSync(cells(place.home), { recursive: true });
      const both = [subjects.run.start(place.home), subjects.run.start(place.home)];
      const ends = await Promise.all(both.map(({ ended }) => ended));
      const waited = ends.filter(({ said }) => /waiting for it/.test(said)).length;
      return [
        ...ends.flatMap((end) => expected(end, 0, /best epoch/)),
        ...(waited === 1 ? [] : [`${waited} of two waited`]),
      ];
    },
  },
  {
    name: "a worker without memory",
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
];

/** A copy of a home for an accident. */
export function copyHome(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
}
