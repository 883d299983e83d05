import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import * as tf from "@tensorflow/tfjs";
import { Stopped, UserError } from "../errors.js";
import { guard, writeWhole } from "../files.js";
import { readSafetensors, safetensorsParts, type HostTensor } from "../formats/safetensors.js";
import type { Learner, Stand } from "./learner.js";

/** Milliseconds of training that an end of the process may cost; of the paper's decoder a checkpoint is 15 to 32 MB and takes half a second. */
const EVERY = 120_000;
/** Milliseconds after which the event loop is let in, where a signal to stop is heard. */
const BREATH = 100;

export interface CheckpointOptions {
  /** What the training goes by in what is said. */
  name: string;
  /** Everything that decides the training's digits: a checkpoint with another key is not gone on from. */
  key: string;
  /** Milliseconds between two checkpoints. */
  every?: number;
  /** Takes a line on a checkpoint that cannot be used or written. */
  warn?: (line: string) => void;
}

/** @throws UserError unless DAAM_CHECKPOINT_SECONDS, where it is set, is a number of seconds */
export function millisecondsBetween(text = process.env.DAAM_CHECKPOINT_SECONDS): number {
  if (text === undefined) return EVERY;
  const seconds = Number(text);
  if (text !== "" && seconds >= 0) return 1000 * seconds;
  throw new UserError(`DAAM_CHECKPOINT_SECONDS=${text}: give the seconds between two checkpoints, 0 or more`);
}

/** Keeps where a training stands in a file, so that it goes on from there digit for digit: every value is kept as it is. */
export class Checkpoint {
  /** Seconds that the training took before this process. */
  secondsBefore = 0;
  private readonly start = performance.now();
  private saved = this.start;
  private breathed = this.start;
  private stopping = false;
  private listening = false;

  constructor(
    private readonly path: string,
    private readonly options: CheckpointOptions,
  ) {}

  /**
   * Puts a learner where an earlier training stood. A file that is damaged, or of another training, is named and removed.
   * @returns undefined where there is none to go on from
   */
  resume(learner: Learner): Stand | undefined {
    this.listening = true;
    if (!existsSync(this.path)) return undefined;
    try {
      return this.restore(learner);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.warn(`${error.message}: ${this.options.name} is trained from its start`);
      this.remove();
      return undefined;
    }
  }

  /**
   * Writes where a learner stands, if its time has come; a file that cannot be written costs no training.
   * @throws Stopped after it, where the training is to stop
   */
  async offer(learner: Learner, stand: Stand): Promise<void> {
    if (performance.now() - this.breathed > BREATH) {
      await setImmediate();
      this.breathed = performance.now();
    }
    if (!this.stopping && performance.now() - this.saved < (this.options.every ?? EVERY)) return;
    try {
      await this.write(learner, stand);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.warn(`${error.message}; ${this.options.name} is trained on without a checkpoint`);
    }
    this.saved = performance.now();
    if (this.stopping) throw new Stopped();
  }

  /** Nothing is offered any more. */
  close(): void {
    this.listening = false;
  }

  /** Has the training stop at its next offer. @returns false where none will come */
  stop(): boolean {
    this.stopping = true;
    return this.listening;
  }

  remove(): void {
    guard(this.path, () => rmSync(this.path, { force: true }));
  }

  private warn(line: string): void {
    this.options.warn?.(line);
  }

  private async write(learner: Learner, stand: Stand): Promise<void> {
    const tensors: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const [name, variable] of variablesOf(learner))
      tensors.push([name, { shape: variable.shape, data: await variable.data<"float32">() }]);
    const steps = learner.optimisers.map((optimiser) => optimiser.steps);
    const seconds = this.secondsBefore + (performance.now() - this.start) / 1000;
    // beside plain numbers a stand has infinities, and where a training diverged no numbers
    const about = serialize({ stand, steps, seconds } satisfies About).toString("base64");
    const { key } = this.options;
    const metadata = { key, about, sha256: digest(key, about, tensors) };
    writeWhole(this.path, safetensorsParts(tensors, metadata));
  }

  private restore(learner: Learner): Stand {
    const { tensors, metadata } = readSafetensors(this.path);
    const { key = "", about = "", sha256 } = metadata;
    if (sha256 !== digest(key, about, tensors)) throw new UserError(`${this.path} is damaged`);
    const variables = variablesOf(learner);
    const fits = variables.every(([name, { size }]) => tensors.get(name)?.data.length === size);
    if (key !== this.options.key || !fits)
      throw new UserError(`${this.path} is of another configuration, backend or version`);
    const { stand, steps, seconds } = deserialize(Buffer.from(about, "base64")) as About;
    for (const [name, variable] of variables)
      tf.tidy(() => {
        variable.assign(tf.tensor(tensors.get(name)!.data, variable.shape));
      });
    learner.optimisers.forEach((optimiser, i) => (optimiser.steps = steps[i]!));
    this.secondsBefore = seconds;
    return stand;
  }
}

interface About {
  stand: Stand;
  /** Of each optimiser. */
  steps: number[];
  seconds: number;
}

const variablesOf = ({ variables, optimisers }: Learner): [string, tf.Variable][] => [
  ...Object.entries(variables),
  ...optimisers.flatMap(({ moments }, i) =>
    Object.entries(moments).map(
      ([name, variable]) => [`optimiser.${i}.${name}`, variable] as [string, tf.Variable],
    ),
  ),
];

/** SHA-256 of all that a checkpoint says. */
function digest(
  key: string,
  about: string,
  tensors: Iterable<readonly [string, Pick<HostTensor, "data">]>,
): string {
  const hash = createHash("sha256").update(`${key}\n${about}\n`);
  for (const [name, { data }] of tensors)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}
