/** The trainer: one cell in a worker, so that the page stays awake. */
import * as tf from "@tensorflow/tfjs";
import type { CellConfig } from "#src/experiments/types.js";
import { dequantised, rowsInMemory } from "#src/features/rows.js";
import { selectItems } from "#src/features/select.js";
import type { Keeper } from "#src/training/epochs.js";
import { train } from "#src/training/train.js";
import type { SiteFeatures } from "#src/site/types.js";
import { startBackend } from "./backend.js";
import { base64Of, bytesOf } from "./bytes.js";
import type { DensityParameter, FromTrainer, Range, ToTrainer } from "./messages.js";

const say = (message: FromTrainer) => postMessage(message);

/** Resolves when a paused training may go on. */
let resumed: Promise<void> = Promise.resolve();
let resume = () => {};
/** What the page wants δ and c to be, until they are. */
const wanted = new Map<DensityParameter, number>();

onmessage = ({ data }: MessageEvent<ToTrainer>) => {
  if (data.kind === "start")
    run(data).catch((error: unknown) =>
      say({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
    );
  else if (data.kind === "set") wanted.set(data.parameter, data.value);
  else if (data.kind === "pause") resumed = new Promise((done) => (resume = done));
  else resume();
};

async function run({ config, split, features, binaries, backend }: Extract<ToTrainer, { kind: "start" }>) {
  const { name, line } = await startBackend(backend, binaries);
  say({ kind: "backend", name, line });
  const data = selectItems(fileOf(features), { ...config, split, holdout: config.holdout });
  const start = performance.now();
  const { curve, best, last, predictions } = await train(
    data,
    { ...config, hidden: config.hidden! },
    (record) => say({ kind: "epoch", record }),
    teller(config, data.train.labels.length),
  );
  const encode = (classes: Int32Array) =>
    base64Of(new Uint8Array((data.classes > 256 ? Uint16Array : Uint8Array).from(classes).buffer));
  say({
    kind: "done",
    result: {
      name: `${config.task}/${config.method}/run-${config.run}`,
      config,
      curve,
      best,
      last,
      predictions: { best: encode(predictions.best), last: encode(predictions.last) },
      backend: name,
    },
    seconds: (performance.now() - start) / 1000,
  });
}

/** Milliseconds between two messages. */
const OFTEN = 120;

/** Tells the page where a training stands, and has it wait while it is paused. */
function teller({ batch, epochs }: CellConfig, items: number): Keeper {
  const perEpoch = Math.ceil(items / batch);
  let told = { at: performance.now(), done: 0, loss: 0, epoch: 1, items: 0 };
  return {
    resume: () => undefined,
    close: () => {},
    async offer({ variables }, { epoch, trained, trainLoss }) {
      const done = (epoch - 1) * perEpoch + trained;
      const now = performance.now();
      if (now - told.at < OFTEN && done < epochs * perEpoch) return;
      if (epoch !== told.epoch) told = { ...told, epoch, loss: 0, items: 0 };
      const seen = Math.min(trained * batch, items);
      if (done > told.done && seen > told.items)
        say({
          kind: "steps",
          done,
          of: epochs * perEpoch,
          loss: (trainLoss - told.loss) / (seen - told.items),
          ...(await densityOf(variables)),
        });
      told = { at: now, done, loss: trainLoss, epoch, items: seen };
      // Messages of the page arrive between tasks alone.
      await new Promise((next) => setTimeout(next));
      await resumed;
      for (const [name, value] of wanted) set(variables, name, value);
      wanted.clear();
    },
  };
}

type Variables = Record<string, tf.Variable>;

const named = (variables: Variables, name: DensityParameter) =>
  Object.entries(variables).find(([key]) => key.endsWith(`.${name}`))?.[1];

function set(variables: Variables, name: DensityParameter, value: number): void {
  const variable = named(variables, name);
  if (variable) tf.tidy(() => variable.assign(tf.fill(variable.shape, value)));
}

async function densityOf(variables: Variables) {
  const [offset, variance] = [named(variables, "meanOffset"), named(variables, "scaledVariance")];
  if (!offset || !variance) return {};
  const range = async (variable: tf.Variable): Promise<Range> => {
    const values = (await variable.data()) as Float32Array;
    const [low, high] = [(a: number, b: number) => Math.min(a, b), (a: number, b: number) => Math.max(a, b)];
    return [values.reduce(low), values.reduce((a, b) => a + b) / values.length, values.reduce(high)];
  };
  return { density: { meanOffset: await range(offset), scaledVariance: await range(variance) } };
}

/** As `loadFeatures` gives the file. */
function fileOf({ id, layers, features, classes, ...encoded }: SiteFeatures) {
  const floats = (text: string) => new Float32Array(bytesOf(text).buffer);
  const integers = (text: string) => new Int32Array(bytesOf(text).buffer);
  const labels = integers(encoded.labels);
  const values = dequantised(
    new Int8Array(bytesOf(encoded.q).buffer),
    floats(encoded.scale),
    floats(encoded.zero),
  );
  return {
    path: id,
    items: labels.length,
    layers,
    features,
    classes,
    labels,
    read: rowsInMemory(values, layers * features),
    ...(encoded.split && { split: integers(encoded.split) }),
    ...(encoded.fold && { fold: integers(encoded.fold) }),
    about: {},
  };
}
