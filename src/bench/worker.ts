/** Our side of `make bench`, one backend a process: `worker.js BACKEND THREADS`, otherwise as peer.py. */
import * as tf from "@tensorflow/tfjs";
import { createInterface } from "node:readline";
import { chooseBackend } from "../backend/choose.js";
import { UserError } from "../errors.js";
import { openEncoder } from "../encoders/encoder.js";
import { meanStates } from "../encoders/stream.js";
import { decoderOperations } from "../experiments/run/operations.js";
import { itemOperations } from "../features/cost.js";
import { Model } from "../models/model.js";
import type { Stage } from "../models/stages.js";
import { randomStream } from "../random.js";
import { AdamW } from "../training/adamw.js";
import { lossOf } from "../training/losses.js";
import type { Case, DecoderCase, EncoderCase, LimitCase } from "./cases.js";
import type { Answer } from "./side.js";

/** What a side does for a case. */
interface Job extends Pick<Answer, "amount" | "peak"> {
  step: () => Promise<void>;
}

/** A training step. */
async function training({
  attention,
  layers,
  features,
  heads,
  hidden,
  classes,
  batch,
  together = 1,
}: DecoderCase): Promise<Job> {
  const stages: Stage[] = [
    attention === "density" ? { kind: attention, heads } : { kind: attention, heads, over: "layers" },
  ];
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
  const { forward, backward } = decoderOperations({ stages, hidden, batch }, { layers, features }, classes);
  return { step, amount: batch * (forward + backward) };
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
    amount: shape[0]! * itemOperations(encoder.blueprint, shape.slice(1)),
    step: async () => {
      await meanStates(resident, [{ values }]);
    },
  };
}

/** Multiply-adds of which none waits for another, or a copy of 128 MB row by row. */
async function limit({ of }: LimitCase): Promise<Job> {
  if (of === "multiply-adds") {
    // tasks of a few ms, enough of them that no thread waits long for another
    const attributes = { tasks: 8 * threads, rounds: 4096 };
    const run = () => tf.engine().runKernel("MultiplyAdds", {}, attributes) as tf.Tensor;
    const [made] = tf.tidy(() => run().sum().dataSync());
    return { step: async () => run().dispose(), amount: 2 * made! };
  }
  const x = tf.ones([64, 16, 2 ** 15]);
  return { step: async () => x.transpose([1, 0, 2]).dispose(), amount: 8 * x.size };
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

const jobOf = { decoder: training, encoder: extraction, limit };
const [backend, threads] = [process.argv[2], Number(process.argv[3])];

const write = (message: object) => console.log(JSON.stringify(message));

try {
  const { line } = await chooseBackend(backend, { threads });
  write({ version: line });
  const jobs = new Map<string, Job>();
  for await (const line of createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line) as Case;
    let job = jobs.get(wanted.name);
    if (!job) {
      job = await jobOf[wanted.kind](wanted as never);
      jobs.set(wanted.name, job);
      // Engines compile what turns out to be hot.
      await median(job.step, wanted.steps > 1 ? Math.ceil(2 + wanted.steps / 2) : 1);
    }
    const { amount, peak } = job;
    write({ ms: (await median(job.step, wanted.steps)) / (wanted.together ?? 1), amount, peak });
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  write({ error: error.message });
}
