import { createLogUpdate } from "log-update";
import prettyMilliseconds from "pretty-ms";

/** "3m 20s". */
export const duration = (seconds: number) =>
  prettyMilliseconds(1000 * Math.max(1, Math.round(seconds)), { secondsDecimalDigits: 0 });

/** What an {@link itemCounter} counts in. */
export interface Unit {
  name: string;
  size: number;
}

/** Milliseconds without a line in a log. */
const SILENCE = 10_000;

/**
 * Counts items on `stream` with the time left: one line that is redrawn on a terminal, a line every tenth and every ten seconds
 * elsewhere; where the total is not known, without the time and a line every 50 units.
 * @returns what to call with the items done and their total
 */
export function itemCounter(label: string, stream: NodeJS.WriteStream = process.stderr, unit?: Unit) {
  const update = stream.isTTY ? createLogUpdate(stream) : undefined;
  const amount = (items: number) =>
    unit ? (items / unit.size).toFixed(1) : String(Math.round(10 * items) / 10);
  let start: { time: number; done: number } | undefined;
  let drawn = { part: -1, time: -Infinity };
  return (done: number, total?: number): void => {
    start ??= { time: performance.now(), done };
    const seconds =
      (((performance.now() - start.time) / 1000) * ((total ?? 0) - done)) / Math.max(1, done - start.done);
    const left = done < (total ?? 0) && done > start.done ? `, ${duration(seconds)} left` : "";
    const of = total === undefined ? "" : ` of ${amount(total)}`;
    const line = `${label}: ${amount(done)}${of}${unit ? ` ${unit.name}` : ""}${left}`;
    const part = Math.floor(total === undefined ? done / (50 * (unit?.size ?? 1)) : (10 * done) / total);
    if (update) {
      update(line);
      if (done === total) update.done();
    } else if (part > drawn.part || performance.now() - drawn.time > SILENCE) {
      drawn = { part, time: performance.now() };
      stream.write(`${line}\n`);
    }
  };
}
