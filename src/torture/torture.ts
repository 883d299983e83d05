/** Kills and accidents at random moments; whatever happens, everything must come to what it comes to undisturbed. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { permutation, randomStream } from "../random.js";
import { type Accident, accidents, copyHome } from "./accidents.js";
import { endAndCompare, killAndGoOn, type Reference, wrong } from "./kills.js";
import { subjects, type Subject } from "./subjects.js";

export interface TortureOptions {
  kills: number;
  seed: number;
  /** By name; all when left out. */
  subjects?: readonly string[];
  accidents?: readonly string[];
  say: (line: string) => void;
  /** Ends it early; what has happened counts. */
  minutes?: number;
}

export interface Tortured {
  kills: number;
  accidents: number;
  differences: string[];
}

/** @throws Error where a subject does not even end undisturbed */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const root = mkdtempSync(join(tmpdir(), "daam-torture-"));
  // for accidents that befall another user
  chmodSync(root, 0o755);
  try {
    return await tortureIn(root, options);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function tortureIn(
  root: string,
  { kills, seed, say, minutes = Infinity, ...only }: TortureOptions,
): Promise<Tortured> {
  const start = performance.now();
  const late = () => performance.now() - start > 60_000 * minutes;
  const happening = accidents.filter(({ name }) => only.accidents?.includes(name) ?? true);
  const chosen = Object.values<Subject>(subjects).filter(({ name }) => only.subjects?.includes(name) ?? true);
  const finished = join(root, "finished");
  const references = new Map<Subject, Reference>();
  for (const subject of new Set<Subject>([...chosen, ...happening.map(({ subject }) => subject)]))
    references.set(subject, await undisturbed(subject, finished, say));

  const sum: Tortured = { kills: 0, accidents: 0, differences: [] };
  const note = (what: string, differences: readonly string[]) => {
    say(`${what}: ${differences.length} differences`);
    for (const line of differences) say(`  ${line}`);
    sum.differences.push(...differences);
  };
  for (const accident of happening) {
    if (late()) break;
    const why = accident.impossible?.();
    if (why !== undefined) {
      say(`${accident.name}: left out, ${why}`);
      continue;
    }
    note(accident.name, await befall(accident, references.get(accident.subject)!, finished, root, seed));
    sum.accidents++;
  }
  // in turn, so that one which ends early has killed each
  const turns = chosen.flatMap((subject) => Array<Subject>(subject.weight).fill(subject));
  const order = permutation(turns.length, randomStream(seed, "torture/turns"));
  for (let turn = 0; turns.length && sum.kills < kills && !late(); turn++) {
    const subject = turns[order[turn % turns.length]!]!;
    const home = mkdtempSync(join(root, "killed-"));
    subject.begin?.(home, finished);
    const random = randomStream(seed, `torture/${subject.name}/${turn}`);
    const killed = await killAndGoOn(references.get(subject)!, home, kills - sum.kills, random);
    note(`${subject.name}, killed ${killed.kills} times`, killed.differences);
    sum.kills += killed.kills;
    rmSync(home, { recursive: true });
  }
  return sum;
}

/** Runs a subject in the home where all end. */
async function undisturbed(
  subject: Subject,
  finished: string,
  say: (line: string) => void,
): Promise<Reference> {
  const start = performance.now();
  subject.begin?.(finished, finished);
  const ended = await subject.start(finished).ended;
  const took = performance.now() - start;
  if (ended.status !== 0) throw new Error(`${subject.name}, undisturbed, ${wrong(ended)}`);
  const outcome = subject.outcome(finished);
  if (!outcome.size) throw new Error(`${subject.name} left nothing`);
  say(`${subject.name}, undisturbed: ${outcome.size} files in ${(took / 1000).toFixed(1)} s`);
  return { subject, outcome, took };
}

async function befall(
  accident: Accident,
  reference: Reference,
  finished: string,
  root: string,
  seed: number,
): Promise<string[]> {
  const home = join(root, "accident");
  copyHome(finished, home);
  const random = randomStream(seed, `torture/${accident.name}`);
  const wrongly = await accident.happen({ home, random, took: reference.took });
  const differences = await endAndCompare(reference, home);
  rmSync(home, { recursive: true });
  return [...wrongly, ...differences];
}
