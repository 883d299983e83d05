/** A worker process: trains the cells it is told to, one after the other, and writes each one's JSON. Started by pool.ts. */
import { UserError } from "../errors.js";
import { loadFeatures, type Features } from "../features/load.js";
import { selectItems, type TaskData } from "../features/select.js";
import { shiftedItems } from "../features/shifted.js";
import { CellStore } from "./store.js";
import { findTask } from "./tasks.js";
import type { FromWorker, Order, Trainer, WorkerOptions } from "./pool.js";
import type { CellConfig } from "./types.js";

const options = JSON.parse(process.argv[2]!) as WorkerOptions;
const store = new CellStore(options.folder);
const files = new Map<string, Features>();
let selected: { key: string; data: TaskData } | undefined;
let trainer: Trainer | undefined;

const send = (message: FromWorker) => {
  process.send?.(message);
};

const parent = process.ppid;
process.on("disconnect", () => process.exit());
process.on("message", (order: Order) => {
  train(order).catch((error: Error) =>
    send({ kind: "failed", user: error instanceof UserError, message: error.message, stack: error.stack }),
  );
});

async function train({ name, config, path, shifted }: Order) {
  trainer ??= (await import(options.trainer)) as Trainer;
  const { name: backend, line, versions } = await trainer.prepare(options.threads);
  send({ kind: "backend", line });
  const data = itemsOf(path, config, shifted);
  const start = performance.now();
  const trained = await trainer.trainCell(config, data, (record) => {
    // events wait while a cell trains, so the parent's end is seen here
    if (process.ppid !== parent) process.exit();
    send({ kind: "epoch", record });
  });
  const result = {
    name,
    config,
    ...trained,
    seconds: round((performance.now() - start) / 1000),
    peakMemoryMB: round(process.resourceUsage().maxRSS / 1024),
    backend,
    versions,
  };
  store.put(result);
  send({ kind: "done", result });
}

const round = (value: number) => Math.round(value * 10) / 10;

function itemsOf(path: string, config: CellConfig, shifted?: Order["shifted"]): TaskData {
  const task = findTask(config.task);
  const load = (path: string) => {
    if (!files.has(path)) files.set(path, loadFeatures(path, task.classes.length));
    return files.get(path)!;
  };
  const { trainItems, testItems, holdout } = config;
  const run = task.split === "folds" || holdout ? config.run : 1;
  const key = JSON.stringify([path, run, trainItems, testItems, holdout, shifted]);
  if (selected?.key !== key) {
    const data = selectItems(load(path), { run, split: task.split, trainItems, testItems, holdout });
    const others = Object.entries(shifted ?? {}).map(([name, path]) => [name, load(path)] as const);
    selected = {
      key,
      data: shifted ? { ...data, shifted: shiftedItems(load(path), data.test, others) } : data,
    };
  }
  return selected.data;
}
