import { createLogUpdate } from "log-update";
import prettyMilliseconds from "pretty-ms";

/** "3m 20s". */
export const duration = (seconds: number) =>
  prettyMilliseconds(1000 * Math.max(1, Math.round(seconds)), { secondsDecimalDigits: 0 });

/**
 * Counts items on `stream` with the time left: one line that is redrawn on a terminal, a line every tenth elsewhere.
 * @returns what to call with the items done and their total
 */
export function itemCounter(label: string, stream: NodeJS.WriteStream = process.stderr) {
  const update = stream.isTTY ? createLogUpdate(stream) : undefined;
  let start: { time: number; done: number } | undefined;
  let tenth = -1;
  return (done: number, total: number): void => {
    start ??= { time: Date.now(), done };
    const seconds = (((Date.now() - start.time) / 1000) * (total - done)) / Math.max(1, done - start.done);
    const left = done < total && done > start.done ? `, ${duration(seconds)} left` : "";
    const line = `${label}: ${done} of ${total}${left}`;
    if (update) {
      update(line);
      if (done === total) update.done();
    } else if (Math.floor((10 * done) / total) > tenth) {
      tenth = Math.floor((10 * done) / total);
      stream.write(`${line}\n`);
    }
  };
}
