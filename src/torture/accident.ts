/** What an accident is, and how it must be met. */
import { join } from "node:path";
import type { Random } from "../random.js";
import type { Ended, StartOptions } from "./processes.js";
import type { Subject } from "./subjects.js";

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
export async function met(
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

export function expected(ended: Ended, status: 0 | 1, says: RegExp): string[] {
  if (ended.status === status && says.test(ended.said)) return [];
  return [`ended with ${ended.status}, not ${status} and ${says}: ${ended.said.slice(-600)}`];
}

export const cells = (home: string) => join(home, "runs/smoke/cells");
