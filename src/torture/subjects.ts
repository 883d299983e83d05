/** What is tortured: commands that are killed and continued, and what they must come to. */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { repository } from "../folders.js";
import { notebookText } from "../notebook/ipynb.js";
import { readSealed } from "../sealed.js";
import { start, type Started, type StartOptions } from "./processes.js";
import { emptyQueue, noSlurm } from "./slurm.js";

export interface Subject {
  name: string;
  /** Share of the kills; one with none is there for an accident. */
  weight: number;
  /** Starts it in a home, where it goes on with what it finds. */
  start(home: string, options?: StartOptions, more?: readonly string[]): Started;
  /** Why it cannot be started here. */
  impossible?: () => string | undefined;
  /** Waits for what it left to others. */
  settled?(): Promise<void>;
  /** Copies what it begins with from a home in which all subjects have ended. */
  begin?(home: string, finished: string): void;
  /** What it must leave, whatever happened: a digest by name. */
  outcome(home: string): Map<string, string>;
}

/** Rows whose cells are trained: one mixes the items of a batch, one draws noise, one depends on another. */
const ROWS = ["mha", "daam-v1", "mixture", "daam-v2-highest"];
const RUN = ["run", "--preset", "smoke", "--task", "text", "--method", ROWS.join(",")];
/** A checkpoint every few batches. */
const OFTEN = { DAAM_CHECKPOINT_SECONDS: "0.05" };

/** @param folders variables that name a folder of the home */
const daam =
  (
    args: readonly string[],
    env: Record<string, string> = {},
    folders: Record<string, string> = {},
  ): Subject["start"] =>
  (home, options, more = []) =>
    start("cli.js", [...args, ...more], {
      ...options,
      env: {
        DAAM_HOME: home,
        ...env,
        ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, join(home, folder)])),
        ...options?.env,
      },
    });

export const subjects = {
  run: {
    name: "run",
    weight: 3,
    start: daam([...RUN, "--jobs", "2"], OFTEN),
    outcome: (home) => cellsOf(join(home, "runs", "smoke")),
  },
  extraction: {
    name: "extraction",
    weight: 2,
    start: daam(
      ["features", "--preset", "small", "--task", "text", "--limit", "80"],
      {},
      { DAAM_DATA: "raw" },
    ),
    begin: (home) => putNews(join(home, "raw"), 80),
    outcome: (home) =>
      filesOf(join(home, "data", "cache"), /llama-mini.*(features\.safetensors|items\.jsonl)$/),
  },
  fineTuning: {
    name: "fine-tuning",
    weight: 2,
    // the one preset that fine-tunes on whatever items there are, on an encoder named as it wants it
    start: daam(
      ["run", "--preset", "paper", "--lora", "--task", "text", "--method", "lora-4-standard"],
      OFTEN,
      {
        DAAM_DATA: "few",
        DAAM_ENCODERS: "encoders",
      },
    ),
    begin(home) {
      putNews(join(home, "few"), 8);
      mkdirSync(join(home, "encoders"), { recursive: true });
      symlinkSync(join(repository, "data/encoders/llama-mini"), join(home, "encoders/llama-2-13b"));
    },
    outcome: (home) => {
      const folder = join(home, "runs", "paper");
      return new Map([...cellsOf(folder), ...filesOf(join(folder, "adapters"), /^/)]);
    },
  },
  report: {
    name: "report",
    weight: 2,
    start: daam(["report", "--preset", "smoke", "--partial"]),
    begin: putCells,
    outcome: (home) => filesOf(join(home, "results"), /^/),
  },
  notebook: {
    name: "notebook",
    weight: 1,
    start: (home, options) =>
      start("notebook/execute.js", ["--output", join(home, "executed"), join(home, "results.ipynb")], {
        ...options,
        env: { DAAM_HOME: home, ...options?.env },
      }),
    begin: (home, finished) => {
      putCells(home, finished);
      putNotebook(home);
    },
    outcome: (home) => filesOf(join(home, "executed"), /^/),
  },
  reproduce: {
    name: "reproduce",
    weight: 0,
    start: daam(
      ["run", "--notebooks", "--preset", "smoke", "--task", "text", "--jobs", "2"],
      {},
      { DAAM_HOME: "reproduced" },
    ),
    outcome: (home) => cellsOf(join(home, "reproduced", "runs", "smoke")),
  },
  submit: {
    name: "submit",
    weight: 2,
    impossible: noSlurm,
    settled: emptyQueue,
    start: daam(
      ["submit", "--preset", "smoke", "--task", "text", "--method", "mha,no-attention,no-attention-highest"],
      {},
      { DAAM_HOME: "submitted" },
    ),
    outcome(home) {
      const run = join(home, "submitted", "runs", "smoke");
      return new Map([...cellsOf(run), ...trainingsIn(join(run, "cluster"))]);
    },
  },
} satisfies Record<string, Subject>;

function putCells(home: string, finished: string): void {
  if (home !== finished) cpSync(join(finished, "runs"), join(home, "runs"), { recursive: true });
}

/** AG News of so many training items and as many test items. */
function putNews(folder: string, items: number): void {
  const row = (_: unknown, i: number) =>
    `"${1 + (i % 4)}","News ${i}","${"as they say in the city ".repeat(1 + (i % 7))}"\n`;
  mkdirSync(folder, { recursive: true });
  const rows = Array.from({ length: items }, row).join("");
  for (const name of ["train.csv", "test.csv"]) writeFileSync(join(folder, name), rows);
}

/** A notebook that shows the run's cells. */
function putNotebook(home: string): void {
  const library = fileURLToPath(new URL("../index.js", import.meta.url));
  const sources = [
    `import { openRun } from ${JSON.stringify(library)};\nconst run = await openRun("smoke");`,
    'run.task("text").results.map(({ name, best }) => [name, best]);',
  ];
  writeFileSync(
    join(home, "results.ipynb"),
    notebookText({
      cells: sources.map((source, i) => ({ cell_type: "code", id: `cell-${i}`, metadata: {}, source })),
      metadata: { kernelspec: { name: "tslab", display_name: "TypeScript", language: "typescript" } },
      nbformat: 4,
      nbformat_minor: 5,
    }),
  );
}

const digest = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** What differs from run to run. */
const COSTS = ["seconds", "peakMemoryMB", "date"];

/** Cells but for what they took. */
function cellsOf(folder: string): Map<string, string> {
  const cells = join(folder, "cells");
  return new Map(
    filesIn(cells).map((name) => {
      const cell = readSealed<Record<string, unknown>>(join(cells, name), () => {}) ?? { damaged: true };
      const digits = Object.entries(cell).filter(([key]) => !COSTS.includes(key));
      return [name, digest(JSON.stringify(digits))];
    }),
  );
}

/** How often tasks of a cluster finished a cell, by their logs. */
function trainingsIn(folder: string): Map<string, string> {
  const times = new Map<string, number>();
  for (const name of filesIn(folder).filter((name) => name.endsWith(".log")))
    for (const [, cell] of readFileSync(join(folder, name), "utf8").matchAll(/^(\S+) is finished/gm))
      times.set(cell!, (times.get(cell!) ?? 0) + 1);
  return new Map([...times].map(([cell, count]) => [`trainings of ${cell}`, String(count)]));
}

const filesOf = (folder: string, names: RegExp): Map<string, string> =>
  new Map(
    filesIn(folder)
      .filter((name) => names.test(name))
      .map((name) => [name, digest(readFileSync(join(folder, name)))]),
  );

/** Files below a folder, by their paths in it. */
export const filesIn = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [])
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();
