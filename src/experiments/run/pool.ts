import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Stopped, UserError } from "../../errors.js";
import type { TaskData } from "../../features/select.js";
import type { Checkpoint } from "../../training/checkpoint.js";
import type { RawTaskData } from "./raw-data.js";
import type { CellConfig, CellCosts, CellResult, EpochRecord } from "../types.js";

/** What a cell's training gives; the worker adds the rest. */
export type Trained = Omit<CellResult, "name" | "config" | keyof CellCosts>;

/** The module that a worker trains with: `train-cell.ts`, or a test's. */
export interface Trainer {
  /** Starts the backend, at the first call. */
  prepare(threads: number): Promise<{ name: string; line: string; versions: Record<string, string> }>;
  /** Throws a UserError, before anything is read, where memory does not hold a step of the cell. */
  refuse?(
    name: string,
    config: CellConfig,
    size: { layers: number; features: number; classes: number },
  ): void;
  trainCell(
    config: CellConfig,
    data: TaskData,
    onEpoch: (record: EpochRecord) => void,
    checkpoint?: Checkpoint,
  ): Promise<Trained>;
  /** Where `config.fineTuning` says so; an acting update is saved to `adapterFolder`. */
  fineTuneCell?(
    config: CellConfig,
    data: RawTaskData,
    onEpoch: (record: EpochRecord) => void,
    adapterFolder: string,
    checkpoint?: Checkpoint,
  ): Promise<Trained>;
}

export interface WorkerOptions {
  /** URL of a {@link Trainer}. */
  trainer: string;
  threads: number;
  /** Where `cells/` lies. */
  folder: string;
}

/** Exit code of a worker that was told to stop. */
export const STOPPED = 130;
/** Milliseconds that it has for the step that it is in and its checkpoint. */
const GRACE = 10_000;

/** A cell to train, and the paths of its feature file and of its shifted test items. */
export interface Order {
  name: string;
  config: CellConfig;
  path: string;
  shifted?: Record<string, string>;
}

export type FromWorker =
  | { kind: "backend"; line: string }
  | { kind: "note"; line: string }
  | { kind: "epoch"; record: EpochRecord }
  | { kind: "done"; result: CellResult }
  /** `memory`: for want of it, so that other cells may well train. */
  | { kind: "failed"; user: boolean; memory: boolean; message: string; stack?: string };

/** To a worker: a cell, or to start the backend alone. */
export type ToWorker = Order | "prepare";

export interface PoolOptions extends WorkerOptions {
  jobs: number;
  /** Value of DAAM_BACKEND in the workers. */
  backend?: string;
  signal?: AbortSignal;
}

export interface PoolEvents {
  backend?(line: string): void;
  /** Of a checkpoint that cannot be used or written. */
  note?(line: string): void;
  start?(name: string): void;
  epoch?(name: string, record: EpochRecord): void;
  done?(result: CellResult): void;
  /** The cell was given up; the others go on. */
  failed?(name: string, why: string): void;
}

interface Worker {
  process: ChildProcess;
  order?: Order;
  /** Its backend has started. */
  ready: boolean;
  /** Last lines of what it wrote to stderr. */
  complaint: string;
}

/**
 * Trains cells in parallel worker processes until `next` has none left and all are done. It is asked again after each finished cell,
 * so that cells may follow from others' results. A cell whose worker is killed or wants memory is given up, the others go on; `next` must
 * not give it again. No worker outlives the call.
 * @throws UserError naming the cells that were given up, at the end; at once where a worker ends otherwise or cannot write, or where
 *   `signal` stops the run.
 */
export async function runPool(
  options: PoolOptions,
  next: () => Order | undefined,
  events: PoolEvents,
): Promise<void> {
  const workers = new Set<Worker>();
  const failed: { name: string; why: string }[] = [];
  const ended: Promise<void>[] = [];
  const killAll = () => workers.forEach((worker) => worker.process.kill("SIGKILL"));
  process.once("exit", killAll);
  try {
    await new Promise<void>((resolve, reject) => {
      options.signal?.addEventListener("abort", () => reject(new Stopped()), { once: true });
      if (options.signal?.aborted) return reject(new Stopped());
      let told = false;
      const dispatch = () => {
        for (;;) {
          let worker = [...workers].find(({ order }) => !order);
          if (!worker && workers.size >= options.jobs) return;
          const order = next();
          if (!order) break;
          worker ??= start();
          worker.order = order;
          worker.process.send(order);
          events.start?.(order.name);
        }
        if ([...workers].every(({ order }) => !order)) resolve();
      };
      const start = (): Worker => {
        const worker: Worker = { process: spawn(options), ready: false, complaint: "" };
        workers.add(worker);
        worker.process.stderr!.on(
          "data",
          (chunk) => (worker.complaint = (worker.complaint + chunk).slice(-20_000)),
        );
        worker.process.on("message", (message: FromWorker) => {
          try {
            hear(worker, message);
          } catch (error) {
            reject(error);
          }
        });
        worker.process.on("error", reject);
        worker.process.on("exit", (code, signal) => {
          workers.delete(worker);
          if (code === STOPPED || signal === "SIGINT") reject(new Stopped());
          // one that never started would not start for another cell either
          else if (signal && worker.ready) bury(worker, obituary(worker, code, signal));
          else reject(new UserError(`${obituary(worker, code, signal)}; ${AGAIN}`));
        });
        return worker;
      };
      const bury = ({ order }: Worker, why: string) => {
        if (order) {
          failed.push({ name: order.name, why });
          events.failed?.(order.name, why);
        }
        dispatch();
      };
      const hear = (worker: Worker, message: FromWorker) => {
        const { name } = worker.order!;
        if (message.kind === "backend") {
          if (!told) events.backend?.(message.line);
          told = worker.ready = true;
        } else if (message.kind === "note") events.note?.(message.line);
        else if (message.kind === "epoch") events.epoch?.(name, message.record);
        else if (message.kind === "failed" && message.memory) {
          // what it holds is free again only with the process
          workers.delete(worker);
          ended.push(end({ ...worker, order: undefined }));
          bury(worker, message.message);
        } else if (message.kind === "failed") reject(failure(name, message));
        else {
          worker.order = undefined;
          events.done?.(message.result);
          dispatch();
        }
      };
      dispatch();
    });
  } finally {
    process.removeListener("exit", killAll);
    await Promise.all([...ended, ...[...workers].map(end)]);
  }
  if (failed.length) {
    const cells = failed.map(({ name, why }) => `${name} (${why})`).join("; ");
    throw new UserError(
      `${failed.length} ${failed.length === 1 ? "cell was" : "cells were"} given up, the others are finished: ${cells}; ${AGAIN}`,
    );
  }
}

/** Starts the backend in a worker, which ends again. @throws UserError where it is not there */
export async function checkBackend(options: PoolOptions): Promise<void> {
  const worker: Worker = { process: spawn(options), ready: false, complaint: "" };
  const child = worker.process;
  child.stderr!.on("data", (chunk) => (worker.complaint += chunk));
  const stop = () => child.kill("SIGINT");
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("message", (message: FromWorker) =>
        message.kind === "failed" ? reject(failure("the backend", message)) : resolve(),
      );
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(options.signal?.aborted ? new Stopped() : new UserError(obituary(worker, code, signal))),
      );
      child.send("prepare" satisfies ToWorker);
    });
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await end(worker);
  }
}

const AGAIN = "run again to go on with the missing cells, with fewer --jobs if memory is short";

function spawn({ trainer, threads, folder, backend }: PoolOptions): ChildProcess {
  const path = fileURLToPath(new URL("./worker.js", import.meta.url));
  return fork(path, [JSON.stringify({ trainer, threads, folder } satisfies WorkerOptions)], {
    execArgv: [],
    env: { ...process.env, ...(backend && { DAAM_BACKEND: backend }) },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** Ends a worker; one that trains may write where it stands. */
function end({ process: child, order }: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const last = setTimeout(() => child.kill("SIGKILL"), GRACE);
    child.removeAllListeners("exit");
    child.once("exit", () => {
      clearTimeout(last);
      resolve();
    });
    child.kill(order ? "SIGTERM" : "SIGKILL");
  });
}

function failure(name: string, { user, message, stack }: Extract<FromWorker, { kind: "failed" }>): Error {
  if (user) return new UserError(message);
  const error = new Error(`${name}: ${message}`);
  error.stack = `${name}: ${stack}`;
  return error;
}

function obituary({ order, complaint }: Worker, code: number | null, signal: string | null): string {
  const what = order ? `the worker training ${order.name}` : "an idle worker";
  const memory = signal === "SIGKILL" ? ", perhaps for want of memory" : "";
  const lines = complaint.split("\n");
  // V8's last words, which a stack of its own functions follows
  const words = lines.find((line) => /FATAL ERROR/.test(line)) ?? lines.find((line) => /Error/.test(line));
  const said = words ? ` saying "${words.trim()}"` : "";
  return `${what} ended (${signal ?? `exit ${code}`})${memory}${said}`;
}
