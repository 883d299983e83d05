import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Case } from "./cases.js";

/** What a side says of a case. */
export interface Answer {
  /** median time of a step */
  ms?: number;
  /** multiplications and additions of a step, or bytes that it moves */
  amount?: number;
  /** bytes that the process took at most, where that was asked for */
  peak?: number;
  /** why it cannot do the case */
  error?: string;
}

/** A process that answers every case it is given with the median time of a step. */
export class Side {
  private readonly lines: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Undefined where the process does not start. */
  static async start(command: string, args: string[]): Promise<{ side: Side; version: string } | undefined> {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
    child.on("error", () => {});
    const side = new Side(child);
    const first = await side.answer();
    return first?.version ? { side, version: first.version } : undefined;
  }

  /** @throws Error where the process ends. */
  async time(wanted: Case): Promise<Answer> {
    this.child.stdin!.write(`${JSON.stringify(wanted)}\n`);
    const answer = await this.answer();
    if (!answer) throw new Error(`${wanted.name}: the process ended`);
    return answer;
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private async answer(): Promise<(Answer & { version?: string }) | undefined> {
    const { value, done } = await this.lines.next();
    return done ? undefined : JSON.parse(value);
  }
}
