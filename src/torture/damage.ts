/** Files that are damaged: each must be named, and made again where it can be. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.js";
import { type Accident, cells, met } from "./accident.js";
import { descendants, kill } from "./processes.js";
import { filesIn, subjects } from "./subjects.js";

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

export const damage: Accident[] = [
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
];
