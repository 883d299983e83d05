/** kill -9 at random moments, and what is left when the command has gone on to its end. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.js";
import { descendants, kill, type Ended } from "./processes.js";
import type { Subject } from "./subjects.js";

/** Kills in one home before the command may come to its end. */
const TOGETHER = 6;
/** Of the kills, those that hit a worker or whatever else the command started, not the command. */
const BELOW = 0.3;

export interface Killed {
  kills: number;
  /** What was not as it should be. */
  differences: string[];
}

/** Subject and undisturbed outcome. */
export interface Reference {
  subject: Subject;
  outcome: Map<string, string>;
  /** Milliseconds that it took undisturbed, the least of all times. */
  took: number;
}

/** Kills a command up to `most` times in a home, each time starting it again, then lets it end and compares. */
export async function killAndGoOn(
  reference: Reference,
  home: string,
  most: number,
  random: Random,
): Promise<Killed> {
  const { subject, outcome } = reference;
  const differences: string[] = [];
  let kills = 0;
  for (let start = 0; start < 3 * TOGETHER && kills < Math.min(most, TOGETHER); start++) {
    const began = performance.now();
    const { process: child, ended } = subject.start(home);
    const moment = random.uniform() * reference.took;
    const hit = random.uniform();
    const early = await Promise.race([ended, sleep(moment, undefined)]);
    if (early) {
      // it is quicker than it was, or what was kept left little to do
      if (start === 0) reference.took = performance.now() - began;
      if (early.status !== 0) differences.push(`${subject.name}: ${wrong(early)}`);
      break;
    }
    const children = descendants(child.pid!);
    const victim = hit < BELOW && children.length ? children[random.below(children.length)]! : child.pid!;
    kill(victim);
    kills++;
    const after = await ended;
    // a command whose worker was killed may say so, or do without it
    const told = after.status === 0 || /daam: [^\n]+\n$|FAILED/.test(after.said);
    if (victim !== child.pid && !told) differences.push(`${subject.name}: ${wrong(after)}`);
  }
  differences.push(...(await endAndCompare({ subject, outcome }, home)));
  return { kills, differences };
}

/** Lets a command go on to its end; what differs from the undisturbed outcome. */
export async function endAndCompare(
  { subject, outcome }: Pick<Reference, "subject" | "outcome">,
  home: string,
): Promise<string[]> {
  const last = await subject.start(home).ended;
  await subject.settled?.();
  return [
    ...(last.status === 0 ? [] : [`${subject.name}: ${wrong(last)}`]),
    ...differing(outcome, subject.outcome(home)).map((name) => `${subject.name}: ${name} differs`),
  ];
}

export const wrong = ({ status, said }: Ended) =>
  `ended with ${status ?? "a signal"}: ${said.trim().split("\n").slice(-3).join(" | ")}`;

/** Names whose digests are not equal. */
export function differing(expected: Map<string, string>, found: Map<string, string>): string[] {
  const names = new Set([...expected.keys(), ...found.keys()]);
  return [...names].filter((name) => expected.get(name) !== found.get(name));
}
