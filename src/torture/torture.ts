/** Kills and accidents at random moments; whatever happens, everything must come to what it comes to undisturbed. */
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { permutation, randomStream } from "../random.js";
import type { Accident } from "./accident.js";
import { accidents } from "./accidents.js";
import { endAndCompare, killAndGoOn, type Reference, wrong } from "./kills.js";
import { endSlurm, startSlurm } from "./slurm.js";
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
  /** What was done, how often, and how many differences it made; a reason stands where it could not be done. */
  rows: { what: string; times: number; differences: number; impossible?: string }[];
}

/** @throws Error where a subject does not even end undisturbed */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const root = mkdtempSync(join(tmpdir(), "daam-torture-"));
  // for accidents that befall another user
  chmodSync(root, 0o755);
  const slurm = join(root, "slurm");
  const submits = !subjects.submit.impossible() && (options.subjects?.includes(subjects.submit.name) ?? true);
  try {
    if (submits) startSlurm(slurm);
    return await tortureIn(root, options);
  } finally {
    if (submits) await endSlurm(slurm);
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
  const wanted = Object.values<Subject>(subjects).filter(
    ({ name, weight }) => weight && (only.subjects?.includes(name) ?? true),
  );
  const chosen = wanted.filter((subject) => !subject.impossible?.());
  const finished = join(root, "finished");
  const references = new Map<Subject, Reference>();
  for (const subject of new Set<Subject>([...chosen, ...happening.map(({ subject }) => subject)]))
    references.set(subject, await undisturbed(subject, finished, say));

  const sum: Tortured = { kills: 0, accidents: 0, differences: [], rows: [] };
  const note = (what: string, times: number, differences: readonly string[]) => {
    const often = times === 1 ? "" : `, ${times} times`;
    say(`${what}${often}: ${differences.length} differences`);
    for (const line of differences) say(`  ${line}`);
    sum.differences.push(...differences);
    let row = sum.rows.find((row) => row.what === what);
    if (!row) sum.rows.push((row = { what, times: 0, differences: 0 }));
    row.times += times;
    row.differences += differences.length;
  };
  const leaveOut = (what: string, impossible: string) => {
    say(`${what}: left out, ${impossible}`);
    sum.rows.push({ what, times: 0, differences: 0, impossible });
  };
  for (const accident of happening) {
    if (late()) break;
    const why = accident.impossible?.();
    if (why !== undefined) {
      leaveOut(accident.name, why);
      continue;
    }
    note(accident.name, 1, await befall(accident, references.get(accident.subject)!, finished, root, seed));
    sum.accidents++;
  }
  for (const { name, impossible } of wanted) {
    const why = impossible?.();
    if (why !== undefined) leaveOut(killed(name), why);
  }
  // in turn, so that one which ends early has killed each
  const turns = chosen.flatMap((subject) => Array<Subject>(subject.weight).fill(subject));
  const order = permutation(turns.length, randomStream(seed, "torture/turns"));
  for (let turn = 0; turns.length && sum.kills < kills && !late(); turn++) {
    const subject = turns[order[turn % turns.length]!]!;
    const home = mkdtempSync(join(root, "killed-"));
    subject.begin?.(home, finished);
    const random = randomStream(seed, `torture/${subject.name}/${turn}`);
    const { kills: times, differences } = await killAndGoOn(
      references.get(subject)!,
      home,
      kills - sum.kills,
      random,
    );
    note(killed(subject.name), times, differences);
    sum.kills += times;
    rmSync(home, { recursive: true });
  }
  return sum;
}

const killed = (name: string) => `kill -9 of ${name}`;

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
  await subject.settled?.();
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
  cpSync(finished, home, { recursive: true });
  const random = randomStream(seed, `torture/${accident.name}`);
  const wrongly = await accident.happen({ home, random, took: reference.took });
  const differences = await endAndCompare(reference, home);
  rmSync(home, { recursive: true });
  return [...wrongly, ...differences];
}
