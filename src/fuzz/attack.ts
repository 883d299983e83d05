import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { randomStream } from "../random.js";
import { mutate } from "./mutate.js";
import type { FuzzTarget } from "./targets.js";

export interface AttackOptions {
  target: FuzzTarget;
  count: number;
  seed: number;
  /** Called before each file. */
  before?: (index: number) => void;
}

export interface AttackResult {
  parsed: number;
  refused: number;
  /** Files that were neither: what was thrown or allocated. */
  failures: { index: number; why: string }[];
}

/** What a file may cost beyond ten times its size. */
const SLACK = 64 * 2 ** 20;

/** The mutant of a number, the same in every run. */
export function mutant({ seeds, wrap, name }: FuzzTarget, seed: number, index: number): Buffer {
  const random = randomStream(seed, `fuzz/${name}/${index}`);
  const all = seeds();
  const bytes = mutate(all[random.below(all.length)]!, random);
  return wrap ? wrap(bytes) : bytes;
}

/** Feeds `count` mutated files to a parser, which must parse each or refuse it with a `UserError`. */
export async function attack({ target, count, seed, before }: AttackOptions): Promise<AttackResult> {
  const folder = mkdtempSync(join(tmpdir(), "daam-fuzz-"));
  const path = join(folder, `mutant${target.extension}`);
  const result: AttackResult = { parsed: 0, refused: 0, failures: [] };
  const fail = (index: number, why: string) => result.failures.push({ index, why });
  const attempt = async (bytes: Buffer, index: number) => {
    writeFileSync(path, bytes);
    try {
      await target.parse(path);
      result.parsed++;
    } catch (error) {
      if (error instanceof UserError && !error.message.includes("\n")) result.refused++;
      else fail(index, String((error as Error).stack ?? error));
    }
  };
  try {
    for (const bytes of target.seeds()) await attempt(target.wrap?.(bytes) ?? bytes, -1);
    if (result.refused) fail(-1, "a valid file was refused");
    [result.parsed, result.refused] = [0, 0];
    for (let index = 0; index < count; index++) {
      before?.(index);
      const bytes = mutant(target, seed, index);
      const gauge = new MemoryGauge();
      await attempt(bytes, index);
      const used = gauge.used();
      if (used > 10 * bytes.length + SLACK) fail(index, `${used} bytes for a file of ${bytes.length}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return result;
}

/** Growth of the process's peak memory: only a file that costs more than all before it shows, which is what is looked for. */
class MemoryGauge {
  private readonly before = process.memoryUsage().rss;
  private readonly peak = peakBytes();

  used(): number {
    return peakBytes() > this.peak ? peakBytes() - this.before : 0;
  }
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
