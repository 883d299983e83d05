/** A worker process: trains the cells it is told to, one after the other, and writes each one's JSON. Started by pool.ts. */
import { endWithParent } from "../../apart.js";
import { OutOfMemory, Stopped, UserError } from "../../errors.js";
import { loadFeatures, shapeOfFeatures, type Features } from "../../features/load.js";
import { thisMachine } from "../../machine.js";
import { selectItems, type Selection, type TaskData } from "../../features/select.js";
import { shiftedItems } from "../../features/shifted.js";
import { transformed } from "../../features/transform.js";
import { Checkpoint, millisecondsBetween } from "../../training/checkpoint.js";
import { adapterFolder } from "../outcome/adapters.js";
import { checkpointPath } from "../outcome/checkpoints.js";
import { readRawTask, type RawTaskData } from "./raw-data.js";
import { CellStore } from "../outcome/store.js";
import { findTask } from "../plan/tasks.js";
import {
  STOPPED,
  type FromWorker,
  type Order,
  type ToWorker,
  type Trainer,
  type WorkerOptions,
} from "./pool.js";
import type { CellConfig, EpochRecord } from "../types.js";

const options = JSON.parse(process.argv[2]!) as WorkerOptions;
const store = new CellStore(options.folder);
const files = new Map<string, Features>();
let selected: { key: string; data: TaskData } | undefined;
let raw: { key: string; data: RawTaskData } | undefined;
let trainer: Trainer | undefined;
let checkpoint: Checkpoint | undefined;

const send = (message: FromWorker) => {
  process.send?.(message);
};

endWithParent();
// at once where it can: another may take the cell over as soon as the parent is gone
process.once("disconnect", () => process.exit(STOPPED));
// What is trained stops at the next batch, when its checkpoint is written.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (!checkpoint?.stop()) process.exit(STOPPED);
  });
process.on("message", (message: ToWorker) => {
  (message === "prepare" ? prepare() : train(message)).catch((error: Error) => {
    if (error instanceof Stopped) process.exit(STOPPED);
    checkpoint = undefined;
    send({
      kind: "failed",
      user: error instanceof UserError,
      memory: wantsMemory(error),
      message: error.message,
      stack: error.stack,
    });
  });
});

async function prepare() {
  trainer ??= (await import(options.trainer)) as Trainer;
  const { line, ...backend } = await trainer.prepare(options.threads);
  send({ kind: "backend", line });
  return { trainer, ...backend };
}

/** Ours, or what V8 and libtensorflow say. */
const wantsMemory = (error: Error) =>
  error instanceof OutOfMemory || /allocation failed|out of memory|OOM when allocating/i.test(error.message);

async function train({ name, config, path, shifted }: Order) {
  const { trainer, name: backend, versions } = await prepare();
  const { classes } = findTask(config.task);
  // before a gigabyte is read for nothing
  if (!config.fineTuning)
    trainer.refuse?.(name, config, { ...shapeOfFeatures(path), classes: classes.length });
  const data = config.fineTuning ? await rawItemsOf(path, config) : itemsOf(path, config, shifted);
  const start = performance.now();
  checkpoint = new Checkpoint(checkpointPath(options.folder, name), {
    name,
    key: JSON.stringify({ config, backend, versions }),
    every: millisecondsBetween(),
    warn: (line) => send({ kind: "note", line }),
  });
  const onEpoch = (record: EpochRecord) => send({ kind: "epoch", record });
  const trained =
    "inputs" in data
      ? await trainer.fineTuneCell!(config, data, onEpoch, adapterFolder(options.folder, name), checkpoint)
      : await trainer.trainCell(config, data, onEpoch, checkpoint);
  const result = {
    name,
    config,
    ...trained,
    seconds: round(checkpoint.secondsBefore + (performance.now() - start) / 1000),
    peakMemoryMB: round(process.resourceUsage().maxRSS / 1024),
    backend,
    versions,
    machine: thisMachine(),
    date: new Date().toISOString().slice(0, 10),
  };
  store.put(result);
  checkpoint.remove();
  checkpoint = undefined;
  send({ kind: "done", result });
}

const round = (value: number) => Math.round(value * 10) / 10;

function itemsOf(path: string, config: CellConfig, shifted?: Order["shifted"]): TaskData {
  const load = (path: string, inMemory?: number) => {
    if (!files.has(path)) files.set(path, loadFeatures(path, findTask(config.task).classes.length, inMemory));
    return files.get(path)!;
  };
  const selection = selectionOf(config);
  const key = JSON.stringify([path, selection, config.input, shifted]);
  if (selected?.key !== key) {
    const data = transformed(selectItems(load(path), selection), config.input ?? []);
    // each is read once a cell, and there may be many
    const others = Object.entries(shifted ?? {}).map(([name, path]) => [name, load(path, 0)] as const);
    selected = {
      key,
      data: shifted ? { ...data, shifted: shiftedItems(load(path), data.test, others) } : data,
    };
  }
  return selected.data;
}

async function rawItemsOf(path: string, config: CellConfig): Promise<RawTaskData> {
  const selection = selectionOf(config);
  const key = JSON.stringify([path, selection]);
  if (raw?.key !== key) raw = { key, data: await readRawTask(path, config, selection) };
  return raw.data;
}

function selectionOf({ task, run, trainItems, testItems, holdout }: CellConfig): Selection {
  const { split } = findTask(task);
  return { run: split === "folds" || holdout ? run : 1, split, trainItems, testItems, holdout };
}
