import { createLogUpdate } from "log-update";
import { duration } from "../../terminal.js";
import type { CellResult, EpochRecord } from "../types.js";

/** Where a run stands. */
export interface Progress {
  total: number;
  done: number;
  secondsLeft: number;
  running: { name: string; epochs: number; record?: EpochRecord }[];
  /** What just happened. */
  event:
    | { kind: "start" | "epoch"; name: string }
    | { kind: "done"; result: CellResult }
    | { kind: "failed"; name: string; why: string }
    | { kind: "waiting"; pid: number }
    | { kind: "backend"; line: string }
    | { kind: "note"; line: string };
}

const percent = (accuracy: number) => `${(100 * accuracy).toFixed(1)} %`;

/** One line: "41 of 145 cells, 9m 20s left · text/mha/run-2 3/4 78.1 %". */
function progressLine({ total, done, secondsLeft, running, event }: Progress): string {
  if (event.kind === "waiting")
    return `another run (process ${event.pid}) is at work on this preset: waiting for it`;
  const left = done < total ? `, ${duration(secondsLeft)} left` : "";
  const cells = running.map(({ name, epochs, record }) =>
    [name, `${record?.epoch ?? 0}/${epochs}`, record && percent(record.accuracy)].filter(Boolean).join(" "),
  );
  return [`${done} of ${total} cells${left}`, ...cells].join(" · ");
}

/**
 * Shows progress: on a terminal a block of lines that rewrites itself, elsewhere a line every tenth of the cells.
 * @returns the callback, and `end`, which leaves the last state.
 */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr) {
  const update = stream.isTTY ? createLogUpdate(stream) : undefined;
  let tenth = -1;
  const note = (line: string) => {
    update?.clear();
    stream.write(`${line}\n`);
  };
  return {
    show(progress: Progress) {
      const { event, done, total } = progress;
      if (event.kind === "backend" || event.kind === "note") {
        note(event.line);
      } else if (event.kind === "failed") {
        note(`${event.name} is given up: ${event.why}`);
      } else if (update) {
        update(progressLine(progress).split(" · ").join("\n  "));
      } else if (event.kind === "waiting") {
        stream.write(`${progressLine(progress)}\n`);
      } else if (event.kind === "done" && Math.floor((10 * done) / total) > tenth) {
        tenth = Math.floor((10 * done) / total);
        const { name, best } = event.result;
        stream.write(`${progressLine({ ...progress, running: [] })} · ${name} ${percent(best.accuracy)}\n`);
      }
    },
    end() {
      update?.done();
    },
  };
}
