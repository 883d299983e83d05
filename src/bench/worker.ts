/** Our side of `make bench`, one backend a process: `worker.js BACKEND THREADS`, otherwise as peer.py. */
import * as tf from "@tensorflow/tfjs";
import { createInterface } from "node:readline";
import { chooseBackend } from "../backend/choose.js";
import { UserError } from "../errors.js";
import { openEncoder } from "../encoders/encoder.js";
import { meanStates } from "../encoders/stream.js";
import { Model } from "../models/model.js";
import { randomStream } from "../random.js";
import { AdamW } from "../training/adamw.js";
import { lossOf } from "../training/losses.js";
import type { Case, DecoderCase, EncoderCase } from "./cases.js";

/** What a side does for a case, and bytes that it took at most where that is asked for. */
interface Job {
  step: () => Promise<void>;
  peak?: number;
}

/** A training step. */
async function training({
  layers,
  features,
  heads,
  hidden,
  classes,
  batch,
  together = 1,
}: DecoderCase): Promise<Job> {
  const stages = [{ kind: "density" as const, heads }];
  const model = new Model({ layers, features, hidden, classes, stages, seed: 0 });
  const variables = model.trainable;
  const optimiser = new AdamW(variables, { weightDecay: 0.01 });
  const random = randomStream(0, "bench");
  const hiddenStates = Float32Array.from({ length: batch * layers * features }, () => random.normal());
  const x = tf.tensor3d(hiddenStates, [batch, layers, features]);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, () => random.below(classes)),
    "int32",
  );
  const start = () => {
    const loss = () => lossOf({ kind: "cross-entropy" }, model.forward(x, true), labels);
    const { value, grads } = tf.variableGrads(loss, variables);
    optimiser.step(
      variables.map(({ name }) => grads[name]!),
      1e-4,
    );
    tf.dispose(grads);
    return value;
  };
  const step = async () => {
    for (let i = 1; i < together; i++) start().dispose();
    const last = start();
    await last.data();
    last.dispose();
  };
  return { step };
}

/** The hidden states of one batch of random inputs. */
async function extraction({ folder, shape, memory }: EncoderCase): Promise<Job> {
  const encoder = await openEncoder(folder);
  const random = randomStream(0, "bench");
  const size = shape.reduce((a, b) => a * b, 1);
  const values =
    encoder.modality === "text"
      ? {
          shape,
          dtype: "int32" as const,
          data: Int32Array.from({ length: size }, () => 3 + random.below(4000)),
        }
      : {
          shape,
          dtype: "float32" as const,
          data: Float32Array.from({ length: size }, () => random.normal()),
        };
  let peak: number | undefined;
  if (memory) {
    await meanStates(encoder, [{ values }]);
    peak = 1024 * process.resourceUsage().maxRSS;
  }
  // PyTorch has its weights in memory too
  const resident = await openEncoder(folder, { resident: true });
  return {
    peak,
    step: async () => {
      await meanStates(resident, [{ values }]);
    },
  };
}

/** Median time of a step in ms. */
async function median(step: () => Promise<void>, steps: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await step();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[steps >> 1]!;
}

const write = (message: object) => console.log(JSON.stringify(message));

try {
  const [name, threads] = process.argv.slice(2);
  const { line } = await chooseBackend(name, { threads: Number(threads) });
  write({ version: line });
  const jobs = new Map<string, Job>();
  for await (const line of createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line) as Case;
    let job = jobs.get(wanted.name);
    if (!job) {
      job = await (wanted.kind === "decoder" ? training(wanted) : extraction(wanted));
      jobs.set(wanted.name, job);
      // Engines compile what turns out to be hot.
      await median(job.step, wanted.steps > 1 ? Math.ceil(2 + wanted.steps / 2) : 1);
    }
    write({ ms: (await median(job.step, wanted.steps)) / (wanted.together ?? 1), peak: job.peak });
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  write({ error: error.message });
}
