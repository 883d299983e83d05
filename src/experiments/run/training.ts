import { setTimeout as sleep } from "node:timers/promises";
import { Stopped } from "../../errors.js";
import type { Cell } from "../plan/cell.js";
import { findTask, seedOf } from "../plan/tasks.js";
import type { CellResult, EpochRecord } from "../types.js";
import type { Claims } from "./claims.js";
import { type Estimates, secondsLeft } from "./estimate.js";
import { type Order, type PoolEvents, type PoolOptions, runPool } from "./pool.js";
import type { Progress } from "./progress.js";

/** Milliseconds between two looks for cells that others train. */
const POLL = 1000;

/** What a training asks of its run. */
export interface Host {
  /** Cells to be trained as they are planned now, finished ones among them. */
  cells(): Cell[];
  finished(cell: Cell): CellResult | undefined;
  /** Takes a result that a worker has written. */
  keep(result: CellResult): void;
  order(cell: Cell): Order;
  estimates: Estimates;
  claims: Claims;
  pool: PoolOptions;
}

/** Cells at work: which come next, how long they take, and how they end. */
export class Training {
  private readonly active = new Map<string, Active>();
  private readonly failed = new Set<string>();
  private seen?: Overview;

  constructor(
    private readonly host: Host,
    private readonly onProgress: (progress: Progress) => void,
  ) {}

  /**
   * Trains the missing cells; those that other processes train are waited for.
   * @throws UserError as {@link runPool} does
   */
  async run(): Promise<void> {
    const { host } = this;
    try {
      for (let told = false; ; told = true) {
        await runPool(host.pool, () => this.next(), this.events);
        const left = this.overview().missing.length;
        if (!left) return;
        // others train them, or leave them when they die
        if (!told) this.tell({ kind: "note", line: `waiting for ${left} cells that other processes train` });
        await sleep(POLL);
        if (host.pool.signal?.aborted) throw new Stopped();
      }
    } finally {
      host.claims.releaseAll();
    }
  }

  tell(event: Progress["event"]): void {
    // planning compares thousands of configurations, and neither a start nor an epoch changes what is finished
    if (!this.seen || (event.kind !== "start" && event.kind !== "epoch")) this.seen = this.overview();
    const { cells, missing } = this.seen;
    this.onProgress({
      total: cells.length,
      done: cells.length - missing.length,
      secondsLeft: this.left(this.seen),
      running: [...this.active].map(([name, state]) => ({ name, ...state })),
      event,
    });
  }

  /** Seconds that the missing cells may take. */
  get secondsLeft(): number {
    return this.left(this.overview());
  }

  /** What others wait for; then seed by seed, so that a run which is stopped has something of every row; of a seed the longest. */
  private next(): Order | undefined {
    const { host, active, failed } = this;
    const { missing } = this.overview();
    const needed = new Set(missing.flatMap(({ needs }) => needs));
    const round = ({ name, task, run }: Cell) => (needed.has(name) ? 0 : seedOf(run, findTask(task)));
    const seconds = (cell: Cell) => host.estimates.seconds(cell.name, cell.config!);
    const open = missing
      .filter(({ name, config }) => config && !active.has(name) && !failed.has(name))
      .sort((a, b) => round(a) - round(b) || seconds(b) - seconds(a));
    for (const cell of open) {
      if (!host.claims.take(cell.name)) continue;
      // another process may have finished it since
      if (!host.finished(cell)) {
        active.set(cell.name, { epochs: cell.config!.epochs });
        return host.order(cell);
      }
      host.claims.release(cell.name);
    }
    return undefined;
  }

  private readonly events: PoolEvents = {
    backend: (line) => this.tell({ kind: "backend", line }),
    note: (line) => this.tell({ kind: "note", line }),
    start: (name) => this.tell({ kind: "start", name }),
    epoch: (name, record) => {
      this.active.get(name)!.record = record;
      this.tell({ kind: "epoch", name });
    },
    done: (result) => {
      this.end(result.name);
      this.host.keep(result);
      this.host.estimates.learn(result);
      this.tell({ kind: "done", result });
    },
    failed: (name, why) => {
      this.end(name);
      this.failed.add(name);
      this.tell({ kind: "failed", name, why });
    },
  };

  private end(name: string): void {
    this.active.delete(name);
    this.host.claims.release(name);
  }

  private overview(): Overview {
    const cells = this.host.cells();
    return { cells, missing: cells.filter((cell) => !this.host.finished(cell)) };
  }

  private left({ cells, missing }: Overview): number {
    const { host, active } = this;
    const seconds = (cell: Cell): number => {
      // a cell that waits for others costs about what its method does on all layers
      const config = cell.config ?? cells.find(({ name }) => name === cell.needs[0])!.config!;
      const { epochs = 1, record } = active.get(cell.name) ?? {};
      return host.estimates.seconds(cell.name, config) * (1 - (record?.epoch ?? 0) / epochs);
    };
    const running = missing.filter(({ name }) => active.has(name));
    const waiting = missing.filter(({ name }) => !active.has(name));
    return secondsLeft(running.map(seconds), waiting.map(seconds), host.pool.jobs);
  }
}

/** Planned cells, and those of them that are not finished. */
interface Overview {
  cells: Cell[];
  missing: Cell[];
}

interface Active {
  epochs: number;
  record?: EpochRecord;
}
